package sqlfile

import (
	"strings"
)

// Settings is what a file asks of the session that reads it.
type Settings struct {
	Names    string // of SET NAMES
	TimeZone string // of SET TIME_ZONE
}

// Setting reads a SET statement in the head of a file, also in a versioned
// comment. ok is false for any other statement, and for a setting that would
// change what the rows mean in a way that is not known here. Settings about
// checks, and modes that leave rows as they are, are read and not kept.
func Setting(text string) (s Settings, ok bool) {
	rest, ok := setting(text)
	if !ok {
		return s, false
	}
	rest = strings.TrimSpace(rest)
	if names, ok := cutFold(rest, "NAMES "); ok {
		s.Names = strings.Trim(strings.TrimSpace(names), `'"`)
		return s, s.Names != "" && strings.IndexFunc(s.Names, func(c rune) bool { return c > 0x7f || !wordByte(byte(c)) }) < 0
	}
	name, value, ok := strings.Cut(rest, "=")
	if !ok {
		return s, false
	}
	name = strings.ToUpper(strings.Trim(strings.TrimSpace(name), "@`"))
	name = strings.TrimPrefix(strings.TrimPrefix(name, "SESSION."), "SESSION ")
	value = strings.Trim(strings.TrimSpace(value), `'"`)
	switch name {
	case "TIME_ZONE":
		s.TimeZone = value
		return s, value != "" && !strings.ContainsAny(value, `'"\`)
	case "FOREIGN_KEY_CHECKS", "UNIQUE_CHECKS", "SQL_NOTES", "AUTOCOMMIT":
		return s, true
	case "SQL_MODE":
		return s, plainModes(value)
	}
	return s, false
}

// IsSetting tells whether a statement sets something, be it known or not.
func IsSetting(text string) bool {
	_, ok := setting(text)
	return ok
}

// setting gives what stands behind SET.
func setting(text string) (rest string, ok bool) {
	text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), ";"))
	if rest, versioned := strings.CutPrefix(text, "/*!"); versioned {
		rest = strings.TrimLeft(rest, "0123456789")
		text = strings.TrimSpace(strings.TrimSuffix(rest, "*/"))
	}
	return cutFold(text, "SET ")
}

// plainModes tells whether rows mean the same under all modes of a list as under
// none: others change what quotes and backslashes are.
func plainModes(list string) bool {
	for mode := range strings.SplitSeq(strings.ToUpper(list), ",") {
		switch strings.TrimSpace(mode) {
		case "", "NO_AUTO_VALUE_ON_ZERO", "NO_ENGINE_SUBSTITUTION", "NO_AUTO_CREATE_USER", "STRICT_TRANS_TABLES", "STRICT_ALL_TABLES",
			"ERROR_FOR_DIVISION_BY_ZERO", "NO_ZERO_DATE", "NO_ZERO_IN_DATE", "ALLOW_INVALID_DATES", "ONLY_FULL_GROUP_BY":
		default:
			return false
		}
	}
	return true
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// Created reads the name of what a CREATE statement of a kind ("TABLE") makes,
// without its schema.
func Created(text, kind string) (name string, ok bool) {
	p := parser{text: []byte(text)}
	if !p.word("CREATE") || !p.word(kind) {
		return "", false
	}
	if p.word("IF") && !(p.word("NOT") && p.word("EXISTS")) {
		return "", false
	}
	p.versioned()
	if name, ok = p.name(); ok && p.sign('.') {
		name, ok = p.name()
	}
	return name, ok
}

// versioned skips "/*!32312 IF NOT EXISTS*/".
func (p *parser) versioned() {
	p.blanks()
	rest := string(p.text[p.at:])
	if strings.HasPrefix(rest, "/*!") {
		if n := strings.Index(rest, "*/"); n >= 0 {
			p.at += n + len("*/")
		}
	}
}
