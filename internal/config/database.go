package config

import (
	"fmt"
	"sort"
	"strings"
)

// database reads a from or target-database map. extra are keys of only one of
// the two.
func database(dst *Database, extra keys) func(value) error {
	return func(v value) error {
		known := keys{
			"host":     text(&dst.Host),
			"port":     number(&dst.Port, 0, 65535),
			"user":     text(&dst.User),
			"password": password(&dst.Password),
			"session":  session(&dst.Session),
			"max-allowed-packet": inert(aNumber,
				"deprecated, ignored: the server's own limit is asked"),
			"security": security(&dst.Security),
		}
		for k, read := range extra {
			known[k] = read
		}
		if err := v.object(known); err != nil {
			return err
		}
		return reachable(v, dst)
	}
}

// reachable checks that there is enough to connect with.
func reachable(v value, db *Database) error {
	for _, need := range []struct {
		key string
		set bool
	}{{"host", db.Host != ""}, {"port", db.Port != 0}, {"user", db.User != ""}} {
		if !need.set {
			return v.hinted(codeYAML, "add the key "+need.key+" to "+v.path, "%s is missing", need.key)
		}
	}
	return nil
}

// session reads session variables. Some are not the operator's to choose: rows
// are read and written in UTC and under a sql_mode that changes no value, all of
// them, and in transactions that end where the task ends them.
func session(dst *map[string]string) func(value) error {
	return func(v value) error {
		if err := variables(dst)(v); err != nil {
			return err
		}
		return v.each(func(name string, v value) error {
			switch {
			case !variableName(name):
				return v.errorf(codeYAML, "%q is not the name of a session variable", name)
			case strings.EqualFold(name, "time_zone"):
				v.warn("ignored: rows travel in UTC; the key timezone of a task sets the zone for DDL")
				delete(*dst, name)
			case strings.EqualFold(name, "sql_mode"):
				v.warn("ignored: statements set the sql_mode that they were written under")
				delete(*dst, name)
			case strings.EqualFold(name, "autocommit"), strings.EqualFold(name, "completion_type"), strings.EqualFold(name, "sql_select_limit"):
				v.warn("ignored: a task ends its transactions itself and reads all rows")
				delete(*dst, name)
			}
			if len(*dst) == 0 {
				*dst = nil
			}
			return nil
		})
	}
}

// variableName keeps text that is not a plain name out of SET statements.
func variableName(s string) bool {
	for _, r := range s {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != "" && (s[0] < '0' || s[0] > '9')
}

// encodeDatabase writes db as YAML with the given indentation.
func encodeDatabase(db Database, k SecretKey, b *strings.Builder, indent string) {
	fmt.Fprintf(b, "%shost: %s\n%sport: %d\n%suser: %s\n%spassword: %s\n",
		indent, quoted(db.Host), indent, db.Port, indent, quoted(db.User), indent, quoted(k.stable(db.Password)))
	encodeDatabaseSecurity(db.Security, k, b, indent)
	if len(db.Session) == 0 {
		return
	}
	names := make([]string, 0, len(db.Session))
	for n := range db.Session {
		names = append(names, n)
	}
	sort.Strings(names)
	fmt.Fprintf(b, "%ssession:\n", indent)
	for _, n := range names {
		fmt.Fprintf(b, "%s  %s: %s\n", indent, quoted(n), quoted(db.Session[n]))
	}
}
