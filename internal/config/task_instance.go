package config

import (
	"fmt"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/fault"
)

// instanceFile is an entry of mysql-instances while it is being read.
type instanceFile struct {
	Instance

	at            value
	metaAt        value
	rules         reference // block-allow-list
	oldRules      reference // under the name black-white-list
	dump          section[Dump]
	load          section[Load]
	sync          section[Sync]
	dumpThreads   int
	loadThreads   int
	syncThreads   int
	missingBefore error // the first reference to a section that can only be empty
	routes        references
	events        references
	exprs         references
}

// section is how an instance chooses the settings of a unit: by name, inline,
// or (neither) with the defaults.
type section[T any] struct {
	named  reference
	inline *T
	at     value // of inline
}

// mysqlInstances reads the list of config.md §5.3.
func (t *taskFile) mysqlInstances(v value) error {
	return v.list(func(_ int, v value) error {
		in := &instanceFile{at: v}
		if err := v.object(in.keys()); err != nil {
			return err
		}
		t.instances = append(t.instances, in)
		return nil
	})
}

func (in *instanceFile) keys() keys {
	return keys{
		"source-id": func(v value) error {
			if err := text(&in.SourceID)(v); err != nil {
				return err
			}
			if utf8.RuneCountInString(in.SourceID) > longestSourceID {
				return v.hinted(20006, "write the id of a source of the cluster", "%q has more than %d characters", in.SourceID, longestSourceID)
			}
			return nil
		},
		"meta":                 in.meta,
		"route-rules":          in.routes.read,
		"filter-rules":         in.events.read,
		"column-mapping-rules": in.toNothing("column-mappings", 20025),
		"expression-filters":   in.exprs.read,
		"block-allow-list":     in.rules.read,
		"black-white-list":     in.oldRules.read,
		"mydumper-config-name": in.dump.named.read,
		"mydumper":             in.dump.byValue(defaultDump, dumpKeys),
		"mydumper-thread":      count(&in.dumpThreads, maxThreads),
		"loader-config-name":   in.load.named.read,
		"loader":               in.load.byValue(defaultLoad, loadKeys),
		"loader-thread":        count(&in.loadThreads, maxThreads),
		"syncer-config-name":   in.sync.named.read,
		"syncer":               in.sync.byValue(defaultSync, syncKeys),
		"syncer-thread":        count(&in.syncThreads, maxThreads),
	}
}

func (in *instanceFile) meta(v value) error {
	if v.isNull() {
		return nil
	}
	in.metaAt, in.Start = v, &StartPoint{}
	return v.object(keys{
		"binlog-name": startFile(&in.Start.BinlogName),
		"binlog-pos":  number(&in.Start.BinlogPos, 0, 1<<32-1),
		"binlog-gtid": text(&in.Start.BinlogGTID),
	})
}

// startFile reads the name of a binlog file; DM's for one in a relay log is one too.
func startFile(dst *string) func(value) error {
	return func(v value) error {
		if err := text(dst)(v); err != nil {
			return err
		}
		if *dst != "" && !binlogName.MatchString(*dst) {
			return v.hinted(22002, "write it as SHOW BINARY LOGS on the source does, for example mysql-bin.000003",
				"%q is not the name of a binlog file", *dst)
		}
		return nil
	}
}

// reference is a name of an entry elsewhere in the file.
type reference struct {
	name string
	at   value
}

func (r *reference) read(v value) error {
	r.at = v
	return text(&r.name)(v)
}

// references are names of entries of one section.
type references struct {
	names []string
	at    value
}

// read reads a list of names. A name twice is DM's 20032.
func (r *references) read(v value) error {
	r.at = v
	if err := texts(&r.names)(v); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, n := range r.names {
		if seen[n] {
			return v.hinted(20032, "name every rule once", "%q is named twice", n)
		}
		seen[n] = true
	}
	return nil
}

// toNothing reads names of rules in a section that can only be empty: any name
// is missing, which is reported after the sections themselves had their say.
func (in *instanceFile) toNothing(section string, code int) func(value) error {
	return func(v value) error {
		var r references
		if err := r.read(v); err != nil {
			return err
		}
		if len(r.names) > 0 && in.missingBefore == nil {
			in.missingBefore = v.missing(code, section, r.names[0])
		}
		return nil
	}
}

// rulesOf gives the entries that an instance refers to; absent is DM's number
// for a name without an entry.
func rulesOf[T any](all *set[T], r *references, absent int) ([]T, error) {
	var out []T
	for _, n := range r.names {
		item, ok := all.use(n)
		if !ok {
			return nil, r.at.missing(absent, all.kind, n)
		}
		out = append(out, item)
	}
	return out, nil
}

// missing is the error for a reference to nothing.
func (v value) missing(code int, section, name string) *fault.Error {
	return v.hinted(code, fmt.Sprintf("add %s under %s, or remove the reference", name, section), "there is no %q in %s", name, section)
}

func (s *section[T]) byValue(standard func() T, known func(*T) keys) func(value) error {
	return func(v value) error {
		if v.isNull() {
			return nil
		}
		item := standard()
		s.inline, s.at = &item, v
		return v.object(known(s.inline))
	}
}

// resolve gives the settings an instance chose. conflict and absent are DM's
// codes for choosing twice and for a name without an entry.
func (s *section[T]) resolve(all *set[T], standard func() T, conflict, absent int) (T, error) {
	switch {
	case s.named.name != "" && s.inline != nil:
		return standard(), s.at.hinted(conflict, "keep one of the two",
			"these settings are given here and by name (%q) at the same time", s.named.name)
	case s.inline != nil:
		return *s.inline, nil
	case s.named.name == "":
		return standard(), nil
	}
	item, ok := all.use(s.named.name)
	if !ok {
		return item, s.named.at.missing(absent, all.kind, s.named.name)
	}
	return item, nil
}
