package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chzyer/readline"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/raftdm/raftdm/internal/version"
)

const prompt = "» "

// interactive reads commands line by line until exit, ^C, ^D or the end of what
// there is to read.
func (s *shared) interactive(cmd *cobra.Command) error {
	c, set, err := s.masters(cmd)
	if err != nil {
		return err
	}
	conn, _, err := reach(cmd.Context(), set, c.MasterAddrs)
	if err != nil {
		return err
	}
	_ = conn.Close()
	fmt.Fprintf(s.Stdout, "Welcome to dmctl\n%s\n", version.Text())
	globals := givenFlags(cmd)
	lines, err := s.lines(cmd.Context(), globals)
	if err != nil {
		return err
	}
	defer lines.Close()
	for cmd.Context().Err() == nil {
		line, err := lines.next()
		if err != nil {
			return nil //nolint:nilerr // ^C and ^D are how one leaves
		}
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			continue
		case slices.Equal(words, []string{"exit"}), slices.Equal(words, []string{"quit"}):
			return nil
		}
		lines.remember(line, words[0])
		s.one(cmd.Context(), globals, words)
	}
	return interrupted()
}

// one runs a command that was typed in.
func (s *shared) one(ctx context.Context, globals, words []string) {
	p := s.program
	p.Args, p.typed = append(slices.Clone(globals), words...), words
	p.Getenv = s.withoutProxies // that was said at the beginning
	_ = p.Run(ctx)              // what went wrong is said; the next command is the operator's decision
}

// givenFlags gives the flags of the command line as arguments for each command.
func givenFlags(root *cobra.Command) []string {
	var out []string
	root.Flags().Visit(func(f *pflag.Flag) {
		if root.PersistentFlags().Lookup(f.Name) != nil && f.Name != "source" { // each command has its own sources
			out = append(out, "--"+f.Name+"="+f.Value.String())
		}
	})
	return out
}

// lineReader is where commands come from.
type lineReader interface {
	next() (string, error)
	// remember keeps a line for later sessions, unless it holds a password.
	remember(line, command string)
	io.Closer
}

// lines gives a reader that suits the input: an editor for a person.
func (s *shared) lines(ctx context.Context, globals []string) (lineReader, error) {
	if f, ok := s.Stdin.(*os.File); ok && readline.IsTerminal(int(f.Fd())) && isTerminal(s.Stdout) {
		return s.editor(ctx, f, globals)
	}
	in := s.Stdin
	if in == nil {
		in = strings.NewReader("")
	}
	return &plainLines{scanner: bufio.NewScanner(in), out: s.Stdout}, nil
}

// plainLines reads what a script writes.
type plainLines struct {
	scanner *bufio.Scanner
	out     io.Writer
}

func (p *plainLines) next() (string, error) {
	fmt.Fprint(p.out, prompt)
	if !p.scanner.Scan() {
		fmt.Fprintln(p.out)
		return "", errors.Join(p.scanner.Err(), io.EOF)
	}
	fmt.Fprintln(p.out, p.scanner.Text())
	return p.scanner.Text(), nil
}

func (*plainLines) remember(string, string) {}
func (*plainLines) Close() error            { return nil }

// editor is a terminal with line editing, history and completion.
type editor struct{ rl *readline.Instance }

func (s *shared) editor(ctx context.Context, in *os.File, globals []string) (lineReader, error) {
	rl, err := readline.NewEx(&readline.Config{Prompt: prompt, HistoryFile: historyFile(s.Getenv), DisableAutoSaveHistory: true,
		HistorySearchFold: true, Stdin: readline.NewCancelableStdin(in), AutoComplete: &completer{s: s, ctx: func() context.Context { return ctx }, globals: globals}})
	if err != nil {
		return nil, err
	}
	return &editor{rl}, nil
}

func (e *editor) next() (string, error) { return e.rl.Readline() }
func (e *editor) Close() error          { return e.rl.Close() }

func (e *editor) remember(line, command string) {
	if command != "encrypt" && command != "decrypt" {
		_ = e.rl.SaveHistory(strings.TrimSpace(line)) // a history that cannot be written is no reason to stop
	}
}

// historyFile is where the lines of former sessions are, which only their author
// may read; "" for nowhere.
func historyFile(getenv func(string) string) string {
	home := getenv("HOME")
	if home == "" {
		return ""
	}
	path := filepath.Join(home, ".dmctl_history")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return ""
	}
	_ = f.Close()
	return path
}

// withoutProxies is the environment without what noteProxy speaks of.
func (s *shared) withoutProxies(name string) string {
	if strings.HasSuffix(strings.ToLower(name), "_proxy") {
		return ""
	}
	return s.Getenv(name)
}
