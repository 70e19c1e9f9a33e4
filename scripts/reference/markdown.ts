/** A Markdown table; cells are escaped. */
export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A text in code style; nothing when it is empty. */
export function code(text: string): string {
  if (text === '') return '';
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** A page of the reference: a title, who wrote it, and its parts. */
export function page(title: string, ...parts: readonly string[]): string {
  const notice = '<!-- Generated from the sources: npm run generate:reference -->';
  return [`# ${title}`, notice, ...parts].join('\n\n') + '\n';
}
