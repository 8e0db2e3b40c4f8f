package config

import (
	"time"
)

const (
	maxThreads       = 4096
	defaultQueueSize = 1024 // DM's
)

// dumpKeys are the keys of config.md §5.4, and our own: the limits on what is
// taken from the source.
func dumpKeys(d *Dump) keys {
	return keys{
		"threads":        count(&d.Threads, maxThreads),
		"chunk-filesize": chunkSize(&d.ChunkBytes),
		"statement-size": statementSize(&d.StatementSize),
		"rows":           rows(&d.Rows),
		"where":          text(&d.Where),
		"skip-tz-utc":    inertBut("true", given(aBool), "no effect: the files of a dump hold UTC and say so"),
		"mydumper-path":  inertBut("./bin/mydumper", aText, "no effect: workers dump by themselves"),
		"extra-args":     extraArgs(d),

		"max-rows-per-second": number(&d.MaxRows, 0, 1<<40),
		"max-mb-per-second":   number(&d.MaxMB, 0, 1<<30),
		"max-threads-running": number(&d.MaxThreadsRunning, 0, 1<<20),
	}
}

// syncKeys are the keys of config.md §5.6, and our own: strict.
func syncKeys(s *Sync) keys {
	return keys{
		"worker-count":              count(&s.WorkerCount, maxThreads),
		"batch":                     count(&s.Batch, 1<<20),
		"queue-size":                queueSize,
		"checkpoint-flush-interval": seconds(&s.CheckpointFlushInterval),
		"safe-mode":                 boolean(&s.SafeMode),
		"strict":                    boolean(&s.Strict),
		"compact":                   boolean(&s.Compact),
		"multiple-rows":             boolean(&s.MultipleRows),
		"enable-ansi-quotes":        inert(aBool, "deprecated, ignored: the upstream's sql_mode is asked"),
		"disable-detect":            inert(aBool, "deprecated, ignored: rows that share a key always keep their order"),
		"max-retry":                 inert(aNumber, legacyNote),
		"auto-fix-gtid":             inert(aBool, legacyNote),
		"enable-gtid":               inert(aBool, "no effect: enable-gtid is a key of the source"),
		"meta-file":                 inert(aText, legacyNote),
	}
}

// count reads a number of at least one; 0 keeps the default, as in DM.
func count(dst *int, most int64) func(value) error {
	return func(v value) error {
		n := 0
		if err := number(&n, 0, most)(v); err != nil {
			return err
		}
		if n > 0 {
			*dst = n
		}
		return nil
	}
}

// queueSize checks DM's bound of what waits for the target, in rows. Here bytes and
// transactions are bounded, so that no size of the rows makes it too small or large.
func queueSize(v value) error {
	n := 0
	if err := count(&n, 1<<24)(v); err != nil {
		return err
	}
	if n != 0 && n != defaultQueueSize {
		v.warn("no effect: what waits for the target is bounded by 64 MiB and 4096 transactions")
	}
	return nil
}

func rows(dst *int64) func(value) error { return number(dst, 0, 1<<40) }

func seconds(dst *time.Duration) func(value) error {
	return func(v value) error {
		n := 0
		if err := count(&n, 86400)(v); err != nil {
			return err
		}
		if n > 0 {
			*dst = time.Duration(n) * time.Second
		}
		return nil
	}
}

// statementSize reads bytes; 0 keeps the default.
func statementSize(dst *int64) func(value) error {
	return func(v value) error {
		var n int64
		if err := number(&n, 0, 1<<30)(v); err != nil {
			return err
		}
		if n > 0 {
			*dst = n
		}
		return nil
	}
}
