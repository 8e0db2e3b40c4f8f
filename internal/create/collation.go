package create

import (
	"regexp"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/schema"
)

// substitutes lists what is changed in a CREATE statement when the target is
// TiDB, which knows the _bin collation of latin1 and ascii only and a few of
// utf8 and utf8mb4. Nothing else is ever changed.
//
// None of this changes a stored byte, but text then compares differently on the
// target: a _bin collation tells letters apart that the source takes as equal,
// so a unique key of the source stays unique. Each change is logged as a
// warning with the table's name. Who wants another choice creates the table on
// the target before the task begins.
func substitutes() []Replaced {
	return []Replaced{
		{"latin1_swedish_ci", "latin1_bin"},
		{"latin1_general_ci", "latin1_bin"},
		{"latin1_general_cs", "latin1_bin"},
		{"latin1_german1_ci", "latin1_bin"},
		{"latin1_german2_ci", "latin1_bin"},
		{"latin1_danish_ci", "latin1_bin"},
		{"latin1_spanish_ci", "latin1_bin"},
		{"ascii_general_ci", "ascii_bin"},
		{"utf8mb3_general_ci", "utf8_general_ci"},
		{"utf8mb3_unicode_ci", "utf8_unicode_ci"},
		{"utf8mb3_bin", "utf8_bin"},
		{"utf8mb4_nopad_bin", "utf8mb4_0900_bin"},
		{"utf8mb4_general_nopad_ci", "utf8mb4_general_ci"},
		{"utf8mb4_unicode_nopad_ci", "utf8mb4_unicode_ci"},
		{"utf8mb4_unicode_520_ci", "utf8mb4_unicode_ci"},
		{"utf8mb4_unicode_520_nopad_ci", "utf8mb4_unicode_ci"},
		{"utf8mb4_uca1400_ai_ci", "utf8mb4_0900_ai_ci"},
	}
}

// collate settles the collations of a CREATE statement.
func (r Rules) collate(text string) (string, []Replaced) {
	if r.Strict {
		return spelledOut(text), nil
	}
	return fit(r.Target, text)
}

// charsetAlone is a character set, and the collation where one is named.
var charsetAlone = regexp.MustCompile(`(?i)\b(CHARACTER SET |CHARSET=)(\w+)( COLLATE[ =])?`)

// spelledOut names the collation behind each character set that comes without:
// what SHOW CREATE leaves out is the default of the character set.
func spelledOut(text string) string {
	return mapBare(text, func(bare string) string {
		return charsetAlone.ReplaceAllStringFunc(bare, func(s string) string {
			m := charsetAlone.FindStringSubmatch(s)
			if m[3] != "" {
				return s
			}
			if strings.HasSuffix(m[1], "=") {
				return s + " COLLATE=" + schema.DefaultCollation(m[2])
			}
			return s + " COLLATE " + schema.DefaultCollation(m[2])
		})
	})
}

// mapBare applies f to what is between quoted strings and quoted names.
func mapBare(sql string, f func(string) string) string {
	var b strings.Builder
	begin := 0
	for i := 0; i < len(sql); {
		if c := sql[i]; c != '\'' && c != '`' && c != '"' {
			i++
			continue
		}
		end := quotedEnd(sql, i)
		b.WriteString(f(sql[begin:i]))
		b.WriteString(sql[i:end])
		begin, i = end, end
	}
	return b.String() + f(sql[begin:])
}

// ifNotExists makes a CREATE TABLE harmless when the table is there.
func ifNotExists(create string) string {
	const head = "CREATE TABLE "
	if rest, ok := strings.CutPrefix(create, head); ok {
		return head + "IF NOT EXISTS " + rest
	}
	return create
}

// fit rewrites a CREATE statement for the target, and says which collations it
// has replaced by which.
func fit(server dbconn.Server, create string) (string, []Replaced) {
	if !server.TiDB {
		return create, nil
	}
	var done []Replaced
	out := mapWords(create, func(word string) string {
		for _, s := range substitutes() {
			if strings.EqualFold(word, s.From) {
				done = append(done, s)
				return s.To
			}
		}
		return word
	})
	return out, done
}

// mapWords applies f to each bare word of a SQL text: quoted strings and
// quoted names are left alone.
func mapWords(sql string, f func(string) string) string {
	var b strings.Builder
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case c == '\'' || c == '`' || c == '"':
			end := quotedEnd(sql, i)
			b.WriteString(sql[i:end])
			i = end
		case wordByte(c):
			end := i
			for end < len(sql) && wordByte(sql[end]) {
				end++
			}
			b.WriteString(f(sql[i:end]))
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// quotedEnd gives the index behind the quoted text that begins at i. A doubled
// quote ends one and begins another, which comes to the same.
func quotedEnd(sql string, i int) int {
	quote := sql[i]
	for j := i + 1; j < len(sql); j++ {
		switch {
		case sql[j] == '\\' && quote != '`':
			j++
		case sql[j] == quote:
			return j + 1
		}
	}
	return len(sql)
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
