package syncer

import (
	"bytes"
	"encoding/binary"
)

// ddlVars is what a query event's status variables say about the session that
// a definition statement depends on.
type ddlVars struct {
	// micros belong to the event's time: what NOW(6) is.
	micros uint32
	// zone is the session's time zone if the statement depends on it, "" otherwise.
	zone string
	// unchecked is set when the session did not check foreign keys.
	unchecked bool
	// step and offset are the numbers of AUTO_INCREMENT: offset, offset + step ...
	// Zero means one.
	step, offset uint16
	// stamps is how the session took a TIMESTAMP column that says little.
	stamps stamps
}

// stamps is a session's explicit_defaults_for_timestamp.
type stamps int

const (
	stampsUnknown  stamps = iota // not told, as it did not matter or the server never tells it
	stampsExplicit               // ON: the column may be NULL
	stampsImplicit               // OFF: it is NOT NULL, with a default
)

// implicit tells that the session took such a column as NOT NULL; untold is what one
// does that does not tell.
func (s stamps) implicit(untold bool) bool {
	return s == stampsImplicit || s == stampsUnknown && untold
}

// Status variables by their number in the binlog. Those not named here that may
// come before micros have a fixed size; an unknown one ends the reading.
const (
	varFlags        = 0
	varCatalog      = 2
	varNumbers      = 3
	varZone         = 5
	varCatalogPlain = 6
	varInvoker      = 11
	varSchemas      = 12
	varMicros       = 13
	varStamps       = 16
	varMariaMicros  = 128
	noForeignKeys   = 1 << 26 // in the flags
	explicitStamps  = 1 << 24 // in the flags of a MariaDB
)

// readDDLVars reads as far as it understands; what it does not find is zero.
func readDDLVars(vars []byte) ddlVars {
	var out ddlVars
	for len(vars) > 0 {
		code, rest := vars[0], vars[1:]
		n := varSize(code, rest)
		if n < 0 || n > len(rest) {
			return out
		}
		switch code {
		case varFlags:
			flags := binary.LittleEndian.Uint32(rest)
			if out.unchecked = flags&noForeignKeys != 0; flags&explicitStamps != 0 {
				out.stamps = stampsExplicit
			}
		case varNumbers:
			out.step, out.offset = binary.LittleEndian.Uint16(rest), binary.LittleEndian.Uint16(rest[2:])
		case varZone:
			out.zone = string(rest[1:n])
		case varStamps:
			if out.stamps = stampsExplicit; rest[0] == 0 {
				out.stamps = stampsImplicit
			}
		case varMicros, varMariaMicros:
			out.micros = uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16
		}
		vars = rest[n:]
	}
	return out
}

// varSize gives how many bytes a variable's value takes, -1 when that is not known.
func varSize(code byte, rest []byte) int {
	switch code {
	case varFlags, varNumbers, 10: // the size at the source's source
		return 4
	case 1, 9, 17, 129: // sql_mode, tables of a multi-table UPDATE, XID
		return 8
	case 4: // character sets
		return 6
	case 7, 8, 18: // month names, character set of the schema, collation of utf8mb4
		return 2
	case varStamps, 19, 20: // whether tables need a primary key, and are encrypted
		return 1
	case varMicros, varMariaMicros:
		return 3
	case varZone, varCatalogPlain:
		return counted(rest)
	case varCatalog: // with a final zero
		return counted(rest) + 1
	case varSchemas:
		return names(rest)
	case varInvoker:
		user := counted(rest)
		if user > len(rest) {
			return -1
		}
		return user + counted(rest[user:])
	}
	return -1
}

// counted is the size of a text behind its length in one byte.
func counted(rest []byte) int {
	if len(rest) == 0 {
		return 1 // too long for what is there
	}
	return 1 + int(rest[0])
}

// names is the size of a list of names, each with a final zero, behind their number.
func names(rest []byte) int {
	const tooMany = 254 // then none follows
	if len(rest) == 0 || rest[0] == tooMany {
		return 1
	}
	size := 1
	for range rest[0] {
		end := bytes.IndexByte(rest[size:], 0)
		if end < 0 {
			return -1
		}
		size += end + 1
	}
	return size
}
