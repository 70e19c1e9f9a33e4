const REQUIRED_MAJOR = 24;

/** Ends the process with one clear line when this Node is too old: imported before anything that would need it. */
if (Number.parseInt(process.versions.node, 10) < REQUIRED_MAJOR) {
  process.stderr.write(
    `Clearway needs Node ${REQUIRED_MAJOR} or newer, this is ${process.version}: run 'npm start', which brings its own.\n`,
  );
  process.exit(1);
}
