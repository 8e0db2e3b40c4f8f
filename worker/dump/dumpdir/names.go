package dumpdir

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// The files of a dump directory that do not depend on table names.
const (
	ManifestName = "raftdm-manifest.json"
	MetadataName = "metadata"
	markerName   = "raftdm-dump.json"
	journalName  = "raftdm-journal.jsonl"
	tmpSuffix    = ".tmp"
)

// maxNamePart bounds the escaped form of one schema or table name in a file
// name: two of them, the numbers and the endings stay below the 255 bytes that
// file systems allow.
const maxNamePart = 100

// SchemaFile names the file with a schema's CREATE DATABASE.
func SchemaFile(db string) string { return escape(db) + "-schema-create.sql" }

// TableFile names the file with a table's CREATE TABLE.
func TableFile(db, tbl string) string { return escape(db) + "." + escape(tbl) + "-schema.sql" }

// DataFile names the part-th file (from 0) of a table's chunk (from 0).
func DataFile(db, tbl string, chunk, part int) string {
	if part == 0 {
		return fmt.Sprintf("%s.%s.%09d.sql", escape(db), escape(tbl), chunk)
	}
	return fmt.Sprintf("%s.%s.%09d.%04d.sql", escape(db), escape(tbl), chunk, part)
}

// escape makes a schema or table name fit for a file name: bytes with a meaning
// in paths or in our own naming become %XX. A name too long for that is cut and
// told apart by a digest; the manifest, not the file name, says which it is.
func escape(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c < 0x20 || strings.IndexByte(`%"*./:<>?\|`, c) >= 0 ||
			c == '-' && len(name) >= i+7 && strings.EqualFold(name[i+1:i+7], "schema") {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	out := b.String()
	if len(out) <= maxNamePart {
		return out
	}
	sum := sha256.Sum256([]byte(name))
	cut := maxNamePart - 18
	for cut > 0 && !utf8.RuneStart(out[cut]) {
		cut--
	}
	return out[:cut] + "%~" + hex.EncodeToString(sum[:8])
}

// ours tells whether we write files of that name.
func ours(name string) bool {
	name = strings.TrimSuffix(name, tmpSuffix)
	switch name {
	case ManifestName, MetadataName, markerName, journalName:
		return true
	}
	for _, compression := range []string{"gzip", "zstd"} {
		name = strings.TrimSuffix(name, Extension(compression))
	}
	return filepath.Ext(name) == ".sql"
}
