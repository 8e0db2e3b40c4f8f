package raftnode

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// logger lets raft write to slog. Levels are slog's business: SetLevel is a
// request raft never makes of a logger it was given.
type logger struct {
	log  *slog.Logger
	name string
	args []any
}

func newLogger(l *slog.Logger) hclog.Logger { return &logger{log: l, name: "raft"} }

func level(l hclog.Level) slog.Level {
	switch l {
	case hclog.Trace:
		return slog.LevelDebug - 4
	case hclog.Debug:
		return slog.LevelDebug
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Error:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

func (l *logger) Log(lv hclog.Level, msg string, args ...any) {
	// raft's log calls carry no context.
	l.log.Log(context.Background(), level(lv), l.name+": "+msg, plain(args)...)
}

func (l *logger) enabled(lv hclog.Level) bool {
	return l.log.Enabled(context.Background(), level(lv))
}

// plain replaces values that hclog would have printed by their text: raft
// passes itself along, which a JSON handler could not encode.
func plain(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case hclog.Format:
			out[i] = fmt.Sprintf(fmt.Sprint(a[0]), a[1:]...)
		case fmt.Stringer:
			out[i] = a.String()
		default:
			out[i] = a
		}
	}
	return out
}

func (l *logger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *logger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *logger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *logger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *logger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *logger) IsTrace() bool { return l.enabled(hclog.Trace) }
func (l *logger) IsDebug() bool { return l.enabled(hclog.Debug) }
func (l *logger) IsInfo() bool  { return l.enabled(hclog.Info) }
func (l *logger) IsWarn() bool  { return l.enabled(hclog.Warn) }
func (l *logger) IsError() bool { return l.enabled(hclog.Error) }

func (l *logger) ImpliedArgs() []any { return l.args }
func (l *logger) Name() string       { return l.name }

func (l *logger) With(args ...any) hclog.Logger {
	all := append(append([]any(nil), l.args...), args...)
	return &logger{log: l.log.With(plain(args)...), name: l.name, args: all}
}

func (l *logger) Named(name string) hclog.Logger {
	return &logger{log: l.log, name: l.name + "." + name, args: l.args}
}

func (l *logger) ResetNamed(name string) hclog.Logger {
	return &logger{log: l.log, name: name, args: l.args}
}

func (l *logger) SetLevel(hclog.Level) {}

func (l *logger) GetLevel() hclog.Level {
	for _, lv := range []hclog.Level{hclog.Trace, hclog.Debug, hclog.Info, hclog.Warn} {
		if l.enabled(lv) {
			return lv
		}
	}
	return hclog.Error
}

func (l *logger) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

func (l *logger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return lineWriter{l} }

// lineWriter makes log lines of what the standard logger prints.
type lineWriter struct{ l *logger }

func (w lineWriter) Write(p []byte) (int, error) {
	w.l.Info(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}
