package binlog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// domains is a MariaDB GTID position: the last transaction per domain.
// go-mysql's own set is not used for arithmetic: it lets the later of two
// entries of a domain win silently and sorts domain 10 before domain 9.
type domains map[uint32]mysql.MariadbGTID

func parseDomains(text string) (domains, error) {
	d := domains{}
	if text == "" {
		return d, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		if one == "" {
			return nil, fmt.Errorf("an empty GTID between commas")
		}
		g, err := mysql.ParseMariadbGTID(one)
		if err != nil {
			return nil, err
		}
		if old, twice := d[g.DomainID]; twice {
			return nil, fmt.Errorf("domain %d is given twice, by %s and %s", g.DomainID, old.String(), g.String())
		}
		d[g.DomainID] = *g
	}
	return d, nil
}

func (d domains) String() string {
	parts := make([]string, 0, len(d))
	for _, id := range slices.Sorted(maps.Keys(d)) {
		g := d[id]
		parts = append(parts, fmt.Sprintf("%d-%d-%d", g.DomainID, g.ServerID, g.SequenceNumber))
	}
	return strings.Join(parts, ",")
}

func (d domains) contains(o domains) bool {
	for id, g := range o {
		have, ok := d[id]
		if !ok || have.SequenceNumber < g.SequenceNumber {
			return false
		}
	}
	return true
}

func (d domains) union(o domains) domains {
	out := maps.Clone(d)
	for id, g := range o {
		have, ok := out[id]
		if !ok || cmp.Compare(g.SequenceNumber, have.SequenceNumber) > 0 {
			out[id] = g
		}
	}
	return out
}

func (d domains) raw() *mysql.MariadbGTIDSet {
	out := &mysql.MariadbGTIDSet{Sets: make(map[uint32]*mysql.MariadbGTID, len(d))}
	for id, g := range d {
		out.Sets[id] = g.Clone()
	}
	return out
}
