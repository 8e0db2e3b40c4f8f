package binlog

import (
	"maps"
	"strconv"
	"strings"
)

// tail is a run of transactions that one server wrote one after the other:
// their common text and the first and last number. The zero tail is none.
type tail struct {
	head        string // "UUID:", "UUID:TAG:" or "DOMAIN-SERVER-"
	first, last uint64
}

// cutGTID takes the number off the end of one GTID; false for anything else,
// which may still be a set.
func cutGTID(flavor, gtid string) (head string, number uint64, ok bool) {
	separator := byte(':')
	if flavor == MariaDB {
		separator = '-'
	}
	i := strings.LastIndexByte(gtid, separator)
	if i < 0 || strings.IndexByte(gtid, ',') >= 0 {
		return "", 0, false
	}
	number, err := strconv.ParseUint(gtid[i+1:], 10, 63)
	return gtid[:i+1], number, err == nil
}

// whole answers the same set without a tail.
func (g GTIDSet) whole() GTIDSet {
	t := g.tail
	if t.head == "" {
		return g
	}
	g.tail = tail{}
	last := strconv.FormatUint(t.last, 10)
	if g.flavor == MariaDB {
		more, err := parseDomains(t.head + last)
		if err != nil {
			panic("a GTID that was read before: " + err.Error()) // Add has parsed it
		}
		out := maps.Clone(g.maria)
		if out == nil {
			out = domains{}
		}
		maps.Copy(out, more)
		return GTIDSet{flavor: MariaDB, maria: out}
	}
	more, err := parseMySQL(t.head + strconv.FormatUint(t.first, 10) + "-" + last)
	if err != nil {
		panic("a GTID that was read before: " + err.Error()) // Add has parsed it
	}
	return g.unionMySQL(more)
}
