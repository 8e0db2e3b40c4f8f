// Package tlsconf makes TLS of PEM files that may be renewed at any time: for
// the connections between dm-master, dm-worker and dmctl (Set), and for those to
// databases (Database).
//
// Files are read for each new connection, so a renewed certificate needs no
// restart; connections that are there go on. A renewal takes several writes, and
// between them the files may not fit together: then the last ones that did go on
// being used, and the log says so.
//
// Errors say which key names the file that is wrong, and what is wrong with it.
// Nobody but this package builds a tls.Config.
package tlsconf
