// Package foreign reads dump directories that mydumper and dumpling have
// written, as they are: which schemas and tables they hold, in which files, and
// where in the source's binlog they were taken. It knows files, not databases.
//
// # Whose name is it
//
// These tools join schema and table by a dot, and names may have dots and
// endings like "-schema" themselves. So a file's name only says to which others
// it belongs; what a schema or table is called stands in the CREATE statement of
// its file, and whether "x-schema.sql" is a structure or the rows of a table
// "x-schema" is told by what the file begins with.
//
// # Complete or not
//
// Both tools write the file metadata when they are done (mydumper renames
// metadata.partial). A directory without it is refused. Nothing else tells a
// file that was cut at the end of a statement: these directories have no
// checksums. One that was cut inside a statement is refused by Read. The Dump's ID is a digest of the files' names and sizes and of
// metadata, so that a directory that changes between two attempts is noticed.
//
// # Left out
//
// Views (and the tables that stand for them), triggers, routines and events, as
// in a dump of our own; Left names them. Whether a file is one of these, or rows of
// a table with such a name, is told by what it begins with. Rows in a form that is
// not read (CSV, other compressions than gzip) are refused.
package foreign
