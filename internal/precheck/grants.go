package precheck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
)

// grants is what a user may do.
type grants struct {
	user string // 'u'@'h', for GRANT statements
	list []grant
}

// grant is one privilege on one level.
type grant struct {
	privilege string // upper case, today's MySQL name
	schema    string // "*" for every schema; may hold the wildcards % and _
	table     string // "*" for every table
	columns   bool   // only on some columns
}

func (g grant) global() bool { return g.schema == "*" && g.table == "*" }

// need is a privilege to have.
type need struct {
	privilege string
	global    bool   // counts only on *.*
	schema    string // or has to cover this schema; "" for any level
	table     string // or at least this table of it
}

// readGrants asks for the grants of the user that db is connected as, those of
// the user's roles included.
func readGrants(ctx context.Context, db *dbconn.DB) (grants, error) {
	var user string
	if err := db.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&user); err != nil {
		return grants{}, err
	}
	out := grants{user: quoteUser(user)}
	lines, err := firstColumn(ctx, db, "SHOW GRANTS")
	if err != nil {
		return grants{}, err
	}
	roles := out.add(lines)
	if len(roles) > 0 && db.Server.Flavor == "mysql" {
		// MariaDB lists the privileges of the active role by itself.
		if lines, err = firstColumn(ctx, db, "SHOW GRANTS FOR CURRENT_USER() USING "+strings.Join(roles, ", ")); err != nil {
			return grants{}, err
		}
		out.list = nil
		out.add(lines)
	}
	return out, nil
}

// quoteUser writes CURRENT_USER() the way GRANT wants it.
func quoteUser(s string) string {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return "'" + s + "'@'%'"
	}
	return fmt.Sprintf("'%s'@'%s'", s[:i], s[i+1:])
}

// add reads lines of SHOW GRANTS and gives the roles that they grant. A line
// that is no grant of privileges (a proxy, a partial revoke) is left out.
func (gs *grants) add(lines []string) (roles []string) {
	for _, line := range lines {
		list, granted := parseGrant(line)
		gs.list = append(gs.list, list...)
		roles = append(roles, granted...)
	}
	return roles
}

// missing lists the needs that no grant meets.
func (gs grants) missing(needs []need) []string {
	var out []string
	for _, n := range needs {
		if !slices.ContainsFunc(gs.list, n.metBy) {
			out = append(out, n.privilege)
		}
	}
	return out
}

func (n need) metBy(g grant) bool {
	if g.columns || g.privilege != n.privilege && g.privilege != "ALL" && g.privilege != "ALL PRIVILEGES" {
		return false
	}
	switch {
	case g.global():
		return true
	case n.global:
		return false
	case n.schema == "":
		return true
	case n.table != "" && g.table != "*":
		return strings.EqualFold(g.schema, n.schema) && strings.EqualFold(g.table, n.table)
	default:
		return g.table == "*" && likeMatch(strings.ToLower(g.schema), strings.ToLower(n.schema))
	}
}

// likeMatch matches the wildcards of a GRANT's schema: %, _ and a backslash in
// front of one that is meant literally.
func likeMatch(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '%':
		for i := 0; i <= len(s); i++ {
			if likeMatch(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	case pattern[0] == '\\' && len(pattern) > 1:
		pattern = pattern[1:]
	case pattern[0] == '_' && s != "":
		return likeMatch(pattern[1:], s[1:])
	}
	return s != "" && s[0] == pattern[0] && likeMatch(pattern[1:], s[1:])
}

// parseGrant reads "GRANT SELECT, INSERT (`c`) ON `db`.* TO `u`@`h` ...", or
// "GRANT `role`@`%` TO `u`@`h`", whose roles it gives as they are written.
// What follows TO differs among servers (IDENTIFIED BY PASSWORD, REQUIRE, WITH
// GRANT OPTION) and does not matter.
func parseGrant(line string) (list []grant, roles []string) {
	toks := lex(line)
	if len(toks) == 0 || !toks[0].is("GRANT") {
		return nil, nil
	}
	toks = toks[1:]
	on := slices.IndexFunc(toks, func(t token) bool { return t.is("ON") })
	to := slices.IndexFunc(toks, func(t token) bool { return t.is("TO") })
	if on < 0 || to >= 0 && to < on {
		return nil, roleNames(toks[:max(to, 0)])
	}
	schema, table, ok := level(toks[on+1:])
	if !ok {
		return nil, nil
	}
	for _, item := range split(toks[:on]) {
		g := grant{schema: schema, table: table}
		var words []string
		for _, t := range item {
			if t.is("(") {
				g.columns = true
				break
			}
			words = append(words, strings.ToUpper(t.text))
		}
		g.privilege = today(strings.Join(words, " "))
		list = append(list, g)
	}
	return list, nil
}

// today gives a privilege the name that both kinds of server understand.
func today(privilege string) string {
	if privilege == "BINLOG MONITOR" { // MariaDB since 10.5
		return "REPLICATION CLIENT"
	}
	return privilege
}

// level reads "*.*", "`db`.*" or "`db`.`t`", after TABLE if that is written. A
// level of another kind (a function, a user for PROXY) is not ok.
func level(toks []token) (schema, table string, ok bool) {
	if len(toks) > 0 && toks[0].is("TABLE") {
		toks = toks[1:]
	}
	if len(toks) < 3 || !toks[1].is(".") {
		return "", "", false
	}
	return toks[0].text, toks[2].text, true
}

// roleNames writes the roles of a list as they stood there.
func roleNames(toks []token) []string {
	var out []string
	for _, item := range split(toks) {
		var b strings.Builder
		for _, t := range item {
			b.WriteString(t.raw)
		}
		out = append(out, b.String())
	}
	return out
}

// split cuts a list at its commas outside of parentheses.
func split(toks []token) [][]token {
	var out [][]token
	var item []token
	depth := 0
	for _, t := range toks {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		if t.is(",") && depth == 0 {
			out = append(out, item)
			item = nil
			continue
		}
		item = append(item, t)
	}
	if len(item) > 0 {
		out = append(out, item)
	}
	return out
}

// token is a word, a quoted name or one sign.
type token struct {
	text   string // without quotes
	raw    string
	quoted bool
}

func (t token) is(word string) bool { return !t.quoted && strings.EqualFold(t.text, word) }

const quotes = "`'\""

// lex cuts a line into tokens. A doubled quote stands for itself.
func lex(s string) []token {
	var out []token
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ':
			i++
		case strings.IndexByte(quotes, c) >= 0:
			var b strings.Builder
			j := i + 1
			for ; j < len(s); j++ {
				if s[j] == c {
					if j+1 < len(s) && s[j+1] == c {
						j++
					} else {
						break
					}
				}
				b.WriteByte(s[j])
			}
			j = min(j+1, len(s))
			out = append(out, token{text: b.String(), raw: s[i:j], quoted: true})
			i = j
		case strings.IndexByte("(),.@", c) >= 0:
			out = append(out, token{text: s[i : i+1], raw: s[i : i+1]})
			i++
		default:
			j := i
			for j < len(s) && strings.IndexByte("(),.@ "+quotes, s[j]) < 0 {
				j++
			}
			out = append(out, token{text: s[i:j], raw: s[i:j]})
			i = j
		}
	}
	return out
}
