package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// longestSourceID is DM's limit; the meta tables have a column of this width.
const longestSourceID = 32

const (
	relayNote  = "no effect: relay logs are not supported yet, workers read the binlog from the upstream"
	alwaysNote = "no effect: this setting always has its default value"
	legacyNote = "no effect: a key of an old version"
	// RelayNotice is DM's answer to enable-relay: true in a source file. It is
	// among the warnings word for word.
	RelayNotice = "Please use `start-relay` to specify which workers should pull relay log of relay-enabled sources."
)

// defaultChecker is DM's auto-resume setting.
func defaultChecker() Checker {
	return Checker{Enable: true, BackoffRollback: 5 * time.Minute, BackoffMax: 5 * time.Minute}
}

// DecodeSource reads a source file. file is only for messages and may be "".
// Warnings are remarks for the operator about keys without effect. Flavor and
// ServerID stay empty when the file does not give them: precheck.CheckSource
// finds them out.
func DecodeSource(file string, data []byte) (Source, []string, error) {
	return SecretKey{}.DecodeSource(file, data)
}

// DecodeSource is the function of this name for who has a key.
func (k SecretKey) DecodeSource(file string, data []byte) (Source, []string, error) {
	d := &document{op: "decode source config", file: file, key: k}
	root, err := d.parse(data)
	if err != nil {
		return Source{}, nil, err
	}
	s := Source{Checker: defaultChecker()}
	if err := root.object(sourceKeys(&s)); err != nil {
		return Source{}, nil, err
	}
	if err := checkSource(root, &s); err != nil {
		return Source{}, nil, err
	}
	return s, d.warnings, nil
}

// sourceKeys are the keys of config.md §4.
func sourceKeys(s *Source) keys {
	var relay bool
	return keys{
		"source-id":   sourceID(&s.SourceID),
		"enable-gtid": boolean(&s.EnableGTID),
		"enable-relay": func(v value) error {
			if err := boolean(&relay)(v); err != nil || !relay {
				return err
			}
			v.doc.warnings = append(v.doc.warnings, RelayNotice)
			return nil
		},
		"relay-binlog-name": relayBinlogName,
		"relay-binlog-gtid": inert(aText, relayNote),
		"relay-dir":         inertBut("relay-dir", aText, relayNote),
		"from":              database(&s.From, nil),
		"server-id":         number(&s.ServerID, 0, 1<<32-1),
		"flavor":            flavor(&s.Flavor),
		"charset":           inert(aText, "no effect: connections always use utf8mb4"),
		"auto-fix-gtid":     refused(aBool),
		"meta-dir":          inert(aText, legacyNote),
		"tracer":            inert(anything, legacyNote),
		"purge":             purge,
		"checker":           checker(&s.Checker),
		"case-sensitive":    boolean(&s.CaseSensitive),
		"filters":           sourceFilters(&s.Events),
	}
}

// checkSource finds what is missing once all keys are read.
func checkSource(root value, s *Source) error {
	if s.SourceID == "" {
		return root.hinted(40005, "add the key source-id, a name of at most 32 characters for this upstream", "source-id is missing or empty")
	}
	if s.From.Host == "" {
		return root.hinted(codeYAML, "add the key from with host, port, user and password of the upstream", "from is missing")
	}
	return nil
}

func sourceID(dst *string) func(value) error {
	return func(v value) error {
		if err := text(dst)(v); err != nil {
			return err
		}
		if n := utf8.RuneCountInString(*dst); n > longestSourceID {
			return v.hinted(40006, "choose a shorter source-id", "%q has %d characters, at most %d are allowed", *dst, n, longestSourceID)
		}
		return nil
	}
}

// binlogName is what servers call their binlog files.
var binlogName = regexp.MustCompile(`^.+\.[0-9]+$`)

// relayBinlogName checks a setting that has no effect without relay logs.
func relayBinlogName(v value) error {
	var name string
	if err := text(&name)(v); err != nil || name == "" {
		return err
	}
	if !binlogName.MatchString(name) {
		return v.hinted(40007, "write the name of a binlog file such as mysql-bin.000001, or remove the key", "%q is not the name of a binlog file", name)
	}
	v.warn("%s", relayNote)
	return nil
}

func flavor(dst *string) func(value) error {
	return func(v value) error {
		if err := text(dst)(v); err != nil {
			return err
		}
		switch *dst = strings.ToLower(*dst); *dst {
		case "", "mysql", "mariadb":
			return nil
		}
		return v.hinted(11010, "remove the key: the flavor is detected", "expected mysql or mariadb, got %q", *dst)
	}
}

// purge is about relay logs only.
func purge(v value) error {
	other := func(standard int) func(value) error {
		return func(v value) error {
			n := standard
			if !v.isNull() {
				if err := number(&n, 0, 1<<31-1)(v); err != nil {
					return err
				}
			}
			if n != standard {
				v.warn("%s", relayNote)
			}
			return nil
		}
	}
	return v.object(keys{"interval": other(3600), "expires": other(0), "remain-space": other(15)})
}

func checker(dst *Checker) func(value) error {
	return func(v value) error {
		return v.object(keys{
			"check-enable":     boolean(&dst.Enable),
			"backoff-rollback": positive(&dst.BackoffRollback),
			"backoff-max": func(v value) error {
				if err := duration(&dst.BackoffMax)(v); err != nil {
					return err
				}
				if dst.BackoffMax < time.Second {
					return v.hinted(20043, "set backoff-max to at least 1s", "%s is less than the shortest back-off of 1s", dst.BackoffMax)
				}
				return nil
			},
			"check-interval": inertBut("5s", aDuration, alwaysNote),
			"backoff-min":    inertBut("1s", aDuration, alwaysNote),
			"backoff-jitter": inertBut("true", given(aBool), alwaysNote),
			"backoff-factor": inertBut("2", aFloat, alwaysNote),
		})
	}
}

func positive(dst *time.Duration) func(value) error {
	return func(v value) error {
		if err := duration(dst)(v); err != nil {
			return err
		}
		if *dst <= 0 {
			return v.errorf(codeYAML, "expected a duration above 0, got %s", *dst)
		}
		return nil
	}
}

// EncodeSource gives YAML that DecodeSource reads as the same value; the password is
// encrypted in it. The masters store this text with what CheckSource detected.
func (k SecretKey) EncodeSource(s Source) string {
	var b strings.Builder
	fmt.Fprintf(&b, "source-id: %s\n", quoted(s.SourceID))
	fmt.Fprintf(&b, "enable-gtid: %t\n", s.EnableGTID)
	if s.Flavor != "" {
		fmt.Fprintf(&b, "flavor: %s\n", s.Flavor)
	}
	if s.ServerID != 0 {
		fmt.Fprintf(&b, "server-id: %d\n", s.ServerID)
	}
	fmt.Fprintf(&b, "case-sensitive: %t\n", s.CaseSensitive)
	b.WriteString("from:\n")
	encodeDatabase(s.From, k, &b, "  ")
	fmt.Fprintf(&b, "checker:\n  check-enable: %t\n  backoff-rollback: %s\n  backoff-max: %s\n",
		s.Checker.Enable, s.Checker.BackoffRollback, s.Checker.BackoffMax)
	encodeEvents(&b, s.Events)
	return b.String()
}

// quoted writes any text as a YAML scalar: Go's escapes are all YAML's too.
func quoted(s string) string { return strconv.Quote(s) }
