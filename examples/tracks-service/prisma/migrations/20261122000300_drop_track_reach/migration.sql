-- Dropped while the code still reads it: a mistake as it happens, kept so that there is a real failure to look at.
DROP VIEW "track_reach";
