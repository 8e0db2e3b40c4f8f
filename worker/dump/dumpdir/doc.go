// Package dumpdir is the directory format between dump and load: how files are
// named, the mydumper-style metadata file, and the manifest that tells a
// complete dump from the remains of an interrupted one. It knows files, not
// databases.
//
// A dump directory holds
//
//	raftdm-dump.json             marker: the directory is ours, and for which task and source
//	{db}-schema-create.sql       CREATE DATABASE
//	{db}.{tbl}-schema.sql        CREATE TABLE
//	{db}.{tbl}.{chunk}[.{n}].sql INSERT statements, one row per line; .gz or .zst
//	                             behind it when compressed
//	raftdm-journal.jsonl         how far the dump is, for one that is interrupted
//	metadata                     position and GTID set of the snapshot, as mydumper writes it
//	raftdm-manifest.json         closes the dump
//
// # Invariants
//
// The manifest lists every file with its size, rows and CRC-32C and is written
// last: under another name, synced and renamed. A directory without it is not a
// dump, whatever else it holds. It is removed first when a directory is wiped.
//
// Journal, manifest and marker are synced to the disk; data files are left to
// the kernel, which keeps them for as long as it runs. Journal and manifest say
// in which boot of the machine a file was written, and after another one its
// contents have to have the checksum that was noted.
//
// A statement in a data file ends with ";\n", and these two bytes follow each
// other nowhere else: line breaks inside values are escaped, and identifiers
// with line breaks are refused by the dump. So a reader can cut a file into
// statements without parsing SQL.
//
// An ENUM's error value, number 0, is written as 0, in a statement of one row
// that tells so in a comment (InsertHead): only a session that is not strict
// takes it.
//
// A directory without our marker that is not empty belongs to somebody else and
// is never touched.
package dumpdir
