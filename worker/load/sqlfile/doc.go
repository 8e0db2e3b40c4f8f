// Package sqlfile cuts files of INSERT statements into statements, rows and
// values. It knows bytes, not databases and not directories.
//
// Two kinds of files are read. In our own (see dumpdir) a statement ends with
// ";\n", which stands nowhere else, so that no byte between is looked at. In a
// file of mydumper, dumpling or mysqldump strings, names and comments are
// followed, and a statement ends with a ';' outside of them. Strings are read
// with backslashes as escapes, which is what these tools write unless told
// otherwise.
//
// # Positions
//
// From and End of a statement are positions in the file; blanks behind its ';'
// belong to it, so the End of the last statement is the end of the file. A
// position between two rows of a statement is a place to go on from, too: Cut
// gives the statement of the rows that are left.
package sqlfile
