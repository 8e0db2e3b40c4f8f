package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/raftdm/raftdm/internal/fault"
)

// Results of ParseMaster and ParseWorker that are no failure: the program
// prints what was asked for and ends with success.
var (
	ErrVersion     = errors.New("version asked for")
	ErrPrintSample = errors.New("sample configuration asked for")
	ErrHelp        = errors.New("help asked for")
)

// Log is how a program logs.
type Log struct {
	Level  slog.Level
	File   string // "": standard output
	Format string // "text" or "json"
}

// LevelFatal is the level that log-level: fatal shows and nothing below it.
const LevelFatal = slog.LevelError + 4

// level gives the level as the key log-level has it.
func (l Log) level() string {
	if l.Level == LevelFatal {
		return "fatal"
	}
	return strings.ToLower(l.Level.String())
}

// tomlText writes any text as a TOML string.
func tomlText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// programCodes are DM's codes for what can be wrong with a program's arguments
// and file, which differ between master and worker.
type programCodes struct {
	parseFlag, invalid, read, unknownKey, listen, advertise int
}

// common are the flags and keys that master and worker share.
type common struct {
	showVersion bool
	printSample bool
	configFile  string
	// ConfigFile is in the files that DM's programs print of themselves.
	ConfigFile string `toml:"config-file"`

	LogLevel  string `toml:"log-level"`
	LogFile   string `toml:"log-file"`
	LogFormat string `toml:"log-format"`
	LogRotate string `toml:"log-rotate"`

	Name          string `toml:"name"`
	AdvertiseAddr string `toml:"advertise-addr"`
	Join          string `toml:"join"`

	SSLCA         string   `toml:"ssl-ca"`
	SSLCert       string   `toml:"ssl-cert"`
	SSLKey        string   `toml:"ssl-key"`
	CertAllowedCN nameList `toml:"cert-allowed-cn"`
}

// nameList is a list in the file and a repeatable, comma-separated flag.
type nameList []string

// String is part of flag.Value.
func (l *nameList) String() string { return strings.Join(*l, ",") }

// Set is part of flag.Value.
func (l *nameList) Set(s string) error {
	*l = append(*l, splitList(s)...)
	return nil
}

func (c *common) flags(fs *flag.FlagSet) {
	fs.BoolVar(&c.showVersion, "V", false, "print version and exit")
	fs.BoolVar(&c.printSample, "print-sample-config", false, "print a sample configuration and exit")
	fs.StringVar(&c.configFile, "config", "", "`path` of the TOML file; flags win over it")
	fs.StringVar(&c.LogLevel, "L", "info", "log level: debug, info, warn, error, fatal")
	fs.StringVar(&c.LogFile, "log-file", "", "log file; empty for standard output")
	fs.StringVar(&c.LogFormat, "log-format", "text", "log format: text or json")
	fs.StringVar(&c.Name, "name", "", "unique name of this process in the cluster")
	fs.StringVar(&c.AdvertiseAddr, "advertise-addr", "", "`host:port` that others reach this process at")
	fs.StringVar(&c.SSLCA, "ssl-ca", "", "CA `file` in PEM form that other components' certificates are checked with; it switches TLS on")
	fs.StringVar(&c.SSLCert, "ssl-cert", "", "certificate `file` in PEM form to show to other components")
	fs.StringVar(&c.SSLKey, "ssl-key", "", "`file` with the key of ssl-cert")
	fs.Var(&c.CertAllowedCN, "cert-allowed-cn", "common `names` that certificates of other components may have (default: any)")
}

// parseProgram reads args into raw, then the file that they name, then args
// again, so that flags win.
func parseProgram(fs *flag.FlagSet, c *common, raw any, args []string, codes programCodes) error {
	fs.SetOutput(io.Discard)
	op := "read the arguments of " + fs.Name()
	parse := func() error {
		err := fs.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			return ErrHelp
		case err != nil:
			return &fault.Error{Op: op, Kind: fault.Invalid, Code: codes.parseFlag, Msg: err.Error(), Hint: "run " + fs.Name() + " -help for the flags"}
		case fs.NArg() > 0:
			return &fault.Error{Op: op, Kind: fault.Invalid, Code: codes.invalid, Msg: fmt.Sprintf("%q is not a flag", fs.Arg(0)),
				Hint: "flags begin with - and their values follow behind a blank or ="}
		}
		return nil
	}
	if err := parse(); err != nil {
		return err
	}
	switch {
	case c.showVersion:
		return ErrVersion
	case c.printSample:
		return ErrPrintSample
	case c.configFile == "":
		return nil
	}
	data, err := os.ReadFile(c.configFile)
	if err != nil {
		return &fault.Error{Op: op, Kind: fault.Invalid, Code: codes.read, Msg: "the file of -config cannot be read", Err: err}
	}
	if err := decodeTOML(c.configFile, data, raw, codes); err != nil {
		return err
	}
	fs.Visit(func(f *flag.Flag) {
		if f.Name == "cert-allowed-cn" {
			c.CertAllowedCN = nil // or the second pass would append to the file's
		}
	})
	return parse()
}

// decodeTOML reads a file strictly into a struct.
func decodeTOML(file string, data []byte, raw any, codes programCodes) error {
	meta, err := toml.NewDecoder(bytes.NewReader(data)).Decode(raw)
	var syntax toml.ParseError
	switch {
	case errors.As(err, &syntax):
		return tomlFault(file, syntax.Position.Line, codes.read, syntax.LastKey, syntax.Message)
	case err != nil:
		return wrongType(file, err, codes.read)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		f := tomlFault(file, lineOf(data, unknown[0]), codes.unknownKey, unknown[0].String(), "unknown key")
		f.Hint = "remove it, or check its spelling"
		return f
	}
	return nil
}

// tomlType is how the TOML library reports a value of the wrong type: the place
// is only in its text.
var tomlType = regexp.MustCompile(`^toml: line (\d+) \(last key "([^"]+)"\): (?:incompatible types: TOML value has type (\S+); destination has type (\w+)|(.*))$`)

func wrongType(file string, err error, code int) error {
	m := tomlType.FindStringSubmatch(err.Error())
	if m == nil {
		return tomlFault(file, 0, code, "", err.Error())
	}
	line, _ := strconv.Atoi(m[1])
	if m[3] != "" {
		return tomlFault(file, line, code, m[2], "expected "+typeName(m[4])+", got "+typeName(m[3]))
	}
	return tomlFault(file, line, code, m[2], m[5])
}

// typeName is a type of TOML or Go in the words of an operator.
func typeName(t string) string {
	if strings.HasPrefix(t, "[]") {
		return "a list"
	}
	switch strings.TrimRight(t, "0123456789") {
	case "int", "integer", "uint":
		return "a whole number"
	case "string":
		return "text in quotes"
	case "bool", "boolean":
		return "true or false"
	case "float":
		return "a number"
	case "slice", "array":
		return "a list"
	case "map", "table":
		return "a table"
	}
	return t
}

func tomlFault(file string, line, code int, key, msg string) *fault.Error {
	d := document{op: "read the configuration file", file: file}
	return d.fault(line, key, code, "%s", msg)
}

// lineOf finds the line of a key or table that the TOML library does not tell,
// 0 when it is written in some unusual way.
func lineOf(data []byte, key toml.Key) int {
	key0 := regexp.QuoteMeta(key[len(key)-1])
	full := regexp.QuoteMeta(key.String())
	at := regexp.MustCompile(`(?m)^\s*(\[+\s*` + full + `\s*\]|["']?` + key0 + `["']?\s*=|` + full + `\s*=)`).FindIndex(data)
	if at == nil {
		return 0
	}
	skipped := len(data[at[0]:at[1]]) - len(bytes.TrimLeft(data[at[0]:at[1]], " \t\r\n"))
	return 1 + bytes.Count(data[:at[0]+skipped], []byte("\n"))
}

// log checks the settings of the log.
func (c *common) log(op string, code int) (Log, error) {
	out := Log{File: c.LogFile, Format: c.LogFormat}
	switch c.LogLevel {
	case "debug":
		out.Level = slog.LevelDebug
	case "info":
		out.Level = slog.LevelInfo
	case "warn":
		out.Level = slog.LevelWarn
	case "error":
		out.Level = slog.LevelError
	case "fatal":
		out.Level = LevelFatal
	default:
		return Log{}, keyFault(op, code, "log-level", "expected debug, info, warn, error or fatal, got %q", c.LogLevel)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return Log{}, keyFault(op, code, "log-format", "expected text or json, got %q", c.LogFormat)
	}
	return out, nil
}

func keyFault(op string, code int, key, format string, args ...any) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Code: code, Msg: key + ": " + fmt.Sprintf(format, args...)}
}

func notYet(op, key string) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Unsupported, Msg: "not supported yet: " + key, Hint: "remove this setting to go on without it"}
}

// positiveDuration reads a duration above 0.
func positiveDuration(op string, code int, key, s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, keyFault(op, code, key, `expected a duration above 0 such as "30s", got %q`, s)
	}
	return d, nil
}

func splitList(s string) []string {
	var out []string
	for _, p := range strings.Split(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// usage gives the help text of a flag set.
func usage(fs *flag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage of %s:\n", fs.Name())
	fs.SetOutput(&b)
	fs.PrintDefaults()
	return b.String()
}
