package config

import "strings"

// OnDuplicate is what a load does with a row that clashes with one of the target.
type OnDuplicate string

// The ways of OnDuplicate.
const (
	DuplicateError   OnDuplicate = "error"   // stop, and name both rows
	DuplicateReplace OnDuplicate = "replace" // the row of the dump stays
	DuplicateIgnore  OnDuplicate = "ignore"  // the row of the target stays
)

// physicalNote is the remark about keys of a way to load that writes TiKV's files.
const physicalNote = "no effect: used only with import-mode: physical, which is not supported"

// loadKeys are the keys of config.md §5.5, those of DM's later versions and our
// own: the limits on what goes to the target, overlap and max-disk-mb.
func loadKeys(l *Load) keys {
	return keys{
		"pool-size":             count(&l.PoolSize, maxThreads),
		"dir":                   loadDir(l),
		"import-mode":           importMode,
		"on-duplicate":          onDuplicate(l),
		"on-duplicate-logical":  onDuplicate(l),
		"max-rows-per-second":   number(&l.MaxRows, 0, 1<<40),
		"max-mb-per-second":     number(&l.MaxMB, 0, 1<<30),
		"overlap":               boolean(&l.Overlap),
		"max-disk-mb":           mebibytes(&l.MaxDisk),
		"on-duplicate-physical": physicalChoice("none", "manual", "replace", "ignore"),
		"checksum-physical":     physicalChoice("required", "optional", "off"),
		"analyze":               physicalChoice("required", "optional", "off"),
		"sorting-dir-physical":  inert(aText, physicalNote),
		"disk-quota-physical":   inert(aSize, physicalNote),
		"range-concurrency":     inert(aNumber, physicalNote),
		"compress-kv-pairs":     inert(aText, physicalNote),
		"pd-addr":               inert(aText, physicalNote),
	}
}

func loadDir(l *Load) func(value) error {
	return func(v value) error {
		if err := text(&l.Dir)(v); err != nil {
			return err
		}
		if l.Dir == "" {
			l.Dir = defaultDumpDir
		}
		if strings.Contains(l.Dir, "://") {
			return v.unsupported()
		}
		return nil
	}
}

func mebibytes(dst *int64) func(value) error {
	return func(v value) error {
		n := int64(0)
		err := number(&n, 0, 1<<30)(v)
		*dst = n << 20
		return err
	}
}

// checkDisk refuses a bound of the disk that nothing would keep.
func (t *taskFile) checkDisk(in *instanceFile) error {
	if in.Load.MaxDisk == 0 || t.Mode == ModeIncremental {
		return nil
	}
	why := ""
	switch {
	case t.Mode != ModeFull && t.Mode != ModeAll:
		why = "with task-mode " + string(t.Mode)
	case !in.Load.Overlap:
		why = "with overlap: false"
	case !t.CleanDumpFile:
		why = "with clean-dump-file: false"
	default:
		return nil
	}
	return in.at.hinted(codeYAML, "remove max-disk-mb, or set task-mode full or all, overlap: true and clean-dump-file: true",
		"max-disk-mb of its loaders section cannot be kept %s: all files of the dump are on the disk then", why)
}

// importMode knows one way, under DM's three names for it.
func importMode(v value) error {
	var s string
	if err := text(&s)(v); err != nil {
		return err
	}
	switch s {
	case "", "logical", "sql", "loader":
		return nil
	case "physical":
		f := v.unsupported()
		f.Msg += " physical"
		f.Hint = "remove the key, or write logical"
		return f
	}
	return v.hinted(codeYAML, "remove the key, or write logical", "%q is not an import mode", s)
}

func onDuplicate(l *Load) func(value) error {
	return func(v value) error {
		var s string
		if err := text(&s)(v); err != nil {
			return err
		}
		way := OnDuplicate(s)
		switch way {
		case "":
			return nil
		case DuplicateError, DuplicateReplace, DuplicateIgnore:
		default:
			return v.hinted(codeYAML, "choose error, replace or ignore", "%q is not a way to treat rows that are there already", s)
		}
		if l.OnDuplicate != "" && l.OnDuplicate != way {
			return v.hinted(codeYAML, "keep on-duplicate-logical and remove on-duplicate, its former name",
				"on-duplicate and on-duplicate-logical say different things")
		}
		l.OnDuplicate = way
		return nil
	}
}

// physicalChoice checks the value of a key without effect here.
func physicalChoice(all ...string) func(value) error {
	return func(v value) error {
		var s string
		if err := text(&s)(v); err != nil {
			return err
		}
		if s == "" {
			return nil
		}
		if !contains(all, s) {
			return v.hinted(codeYAML, "remove the key", "%q is none of %s", s, strings.Join(all, ", "))
		}
		v.warn("%s", physicalNote)
		return nil
	}
}

// aSize is a number of bytes in any of the notations of chunk-filesize.
func aSize(v value) (bool, error) {
	var n int64
	err := chunkSize(&n)(v)
	return n != 0, err
}
