// Package logging makes the logger of a program from its configuration. Only
// the mains call it; everything else is handed a *slog.Logger.
package logging

import (
	"io"
	"log/slog"
	"os"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
)

// Open makes the logger that cfg describes. The closer belongs to its file and
// does nothing when it writes to standard output.
func Open(cfg config.Log) (*slog.Logger, io.Closer, error) {
	var w io.WriteCloser = keepOpen{os.Stdout}
	if cfg.File != "" {
		// Appended, so that a restart keeps what led to it; not readable by
		// others, since statements and row keys stand in it.
		f, err := os.OpenFile(cfg.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, &fault.Error{Op: "open the log", Kind: fault.Invalid, Err: err,
				Hint: "make the folder, or give another log-file"}
		}
		w = f
	}
	opts := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts)), w, nil
	}
	return slog.New(slog.NewTextHandler(w, opts)), w, nil
}

// keepOpen is standard output, which is not ours to close.
type keepOpen struct{ io.Writer }

// Close does nothing.
func (keepOpen) Close() error { return nil }
