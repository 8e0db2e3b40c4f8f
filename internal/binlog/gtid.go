package binlog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/fault"
)

// The flavours of GTIDs.
const (
	MySQL   = mysql.MySQLFlavor
	MariaDB = mysql.MariaDBFlavor
)

// GTIDSet is an immutable GTID set of one flavour. The zero value is the empty
// set of no flavour; it equals every empty set.
type GTIDSet struct {
	flavor string
	// Exactly one of the two is filled, by flavour. Neither is ever changed
	// after the value was made, so values may share them.
	my    mysql.MysqlGTIDSet
	maria domains
	// tail is what was added last and is not in my or maria: a set is made for
	// each transaction, of which most only follow the one before.
	tail tail
}

// ParseGTIDSet reads the text of a set as servers print it; line breaks, blanks
// and upper case are accepted, and one GTID is a set too.
func ParseGTIDSet(flavor, s string) (GTIDSet, error) {
	text := strings.Join(strings.Fields(s), "")
	switch flavor {
	case MySQL:
		return parseMySQL(text)
	case MariaDB:
		d, err := parseDomains(text)
		if err != nil {
			return GTIDSet{}, badGTID(flavor, s, err)
		}
		return GTIDSet{flavor: MariaDB, maria: d}, nil
	}
	return GTIDSet{}, fault.New(fault.Invalid, fmt.Sprintf("flavor %q is unknown: it is %q or %q", flavor, MySQL, MariaDB))
}

func parseMySQL(text string) (GTIDSet, error) {
	set, err := mysql.ParseMysqlGTIDSet(text)
	if err != nil {
		return GTIDSet{}, badGTID(MySQL, text, err)
	}
	my := *set.(*mysql.MysqlGTIDSet)
	for _, tags := range my {
		for _, ivs := range tags {
			for _, iv := range ivs {
				if iv.Start < 1 || iv.Stop <= iv.Start {
					return GTIDSet{}, badGTID(MySQL, text, fmt.Errorf("interval %s", iv))
				}
			}
		}
	}
	return GTIDSet{flavor: MySQL, my: my}, nil
}

func badGTID(flavor, s string, cause error) error {
	form := "UUID:1-5,UUID:1-7"
	if flavor == MariaDB {
		form = "DOMAIN-SERVER-SEQUENCE with each domain once, for example 0-1-100,1-1-7"
	}
	return &fault.Error{
		Kind: fault.Invalid, Code: 11009,
		Msg:  fmt.Sprintf("%q is not a GTID set of flavor %s", s, flavor),
		Hint: "write it as " + form,
		Err:  cause,
	}
}

// Flavor is MySQL, MariaDB, or "" for the zero value.
func (g GTIDSet) Flavor() string { return g.flavor }

// IsEmpty tells whether g holds no transaction.
func (g GTIDSet) IsEmpty() bool { return len(g.my) == 0 && len(g.maria) == 0 && g.tail.head == "" }

// String gives the set in sorted order: by UUID and tag, or by domain number.
func (g GTIDSet) String() string {
	g = g.whole()
	if g.flavor == MariaDB {
		return g.maria.String()
	}
	return g.my.String()
}

// Equal tells whether both hold the same transactions. Empty sets are equal
// whatever their flavour.
func (g GTIDSet) Equal(o GTIDSet) bool {
	if g.IsEmpty() || o.IsEmpty() {
		return g.IsEmpty() && o.IsEmpty()
	}
	if g.flavor != o.flavor {
		return false
	}
	if g, o = g.whole(), o.whole(); g.flavor == MariaDB {
		return maps.Equal(g.maria, o.maria)
	}
	return g.my.Equal(&o.my)
}

// Contains tells whether every transaction of o is in g. For MariaDB that is:
// in each domain of o, g is at the same sequence number or later.
func (g GTIDSet) Contains(o GTIDSet) bool {
	if o.IsEmpty() {
		return true
	}
	if g.flavor != o.flavor {
		return false
	}
	if g, o = g.whole(), o.whole(); g.flavor == MariaDB {
		return g.maria.contains(o.maria)
	}
	return g.my.Contain(&o.my)
}

// Has tells whether the one transaction named by gtid is in g.
func (g GTIDSet) Has(gtid string) (bool, error) {
	one, err := ParseGTIDSet(g.flavor, gtid)
	if err != nil {
		return false, err
	}
	return g.Contains(one), nil
}

// Add answers g with the transactions of gtid, one GTID or a set. MySQL: the
// union. MariaDB: gtid becomes its domain's last transaction, whatever its
// number, as on the server; call it in the order of the binlog.
func (g GTIDSet) Add(gtid string) (GTIDSet, error) {
	head, number, one := cutGTID(g.flavor, gtid)
	if one && g.tail.head == head && (g.flavor == MariaDB || number == g.tail.last+1) {
		g.tail.last = number
		return g, nil
	}
	more, err := ParseGTIDSet(g.flavor, gtid)
	if err != nil {
		return GTIDSet{}, err
	}
	if g = g.whole(); one {
		g.tail = tail{head, number, number}
		return g, nil
	}
	if g.flavor == MariaDB {
		out := maps.Clone(g.maria)
		maps.Copy(out, more.maria)
		return GTIDSet{flavor: MariaDB, maria: out}, nil
	}
	return g.unionMySQL(more), nil
}

// Union answers everything that is in g or in o. MariaDB: per domain the one
// with the higher sequence number. The flavours must agree unless one is empty.
func (g GTIDSet) Union(o GTIDSet) (GTIDSet, error) {
	switch {
	case o.IsEmpty():
		return g, nil
	case g.IsEmpty():
		return o, nil
	case g.flavor != o.flavor:
		return GTIDSet{}, fault.New(fault.Invalid, fmt.Sprintf("GTID sets of flavors %s and %s cannot be joined", g.flavor, o.flavor))
	case g.flavor == MariaDB:
		return GTIDSet{flavor: MariaDB, maria: g.whole().maria.union(o.whole().maria)}, nil
	}
	return g.whole().unionMySQL(o.whole()), nil
}

// unionMySQL copies only the servers that change: a set may know hundreds of
// servers, and this is called for every transaction.
func (g GTIDSet) unionMySQL(o GTIDSet) GTIDSet {
	out := make(mysql.MysqlGTIDSet, len(g.my)+1)
	maps.Copy(out, g.my)
	for server, tags := range o.my {
		merged := make(map[mysql.Tag]mysql.IntervalSlice, len(out[server])+1)
		maps.Copy(merged, out[server])
		for tag, ivs := range tags {
			merged[tag] = append(slices.Clone(merged[tag]), ivs...).Normalize()
		}
		out[server] = merged
	}
	return GTIDSet{flavor: MySQL, my: out}
}

// Raw gives a copy in go-mysql's form, for a BinlogSyncer. The zero value
// gives an empty MySQL set.
func (g GTIDSet) Raw() mysql.GTIDSet {
	g = g.whole()
	if g.flavor == MariaDB {
		return g.maria.raw()
	}
	return g.my.Clone()
}
