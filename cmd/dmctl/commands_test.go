package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// listed is a line of testdata/dm-commands.txt.
type listed struct {
	path          string
	aliases       []string
	flags         []string
	own, deferred bool
}

func listedCommands(t *testing.T) []listed {
	t.Helper()
	data, err := os.ReadFile("testdata/dm-commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []listed
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		head, tail, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			t.Fatalf("line %q has no colon", line)
		}
		l := listed{deferred: strings.TrimSpace(tail) == "not yet"}
		if head, l.own = strings.CutSuffix(head, " own"); !l.deferred {
			l.flags = strings.Fields(tail)
		}
		if name, alias, ok := strings.Cut(head, " ["); ok {
			head, l.aliases = name, []string{strings.TrimSuffix(alias, "]")}
		}
		if l.path = head; head == "dmctl" {
			l.path = ""
		}
		out = append(out, l)
	}
	return out
}

// commands gives all commands by their path below dmctl.
func commands(root *cobra.Command) map[string]*cobra.Command {
	out := map[string]*cobra.Command{"": root}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			out[strings.TrimPrefix(sub.CommandPath(), "dmctl ")] = sub
			walk(sub)
		}
	}
	walk(root)
	return out
}

func testRoot() *cobra.Command {
	root := newRoot(&shared{program: program{Getenv: func(string) string { return "" }}})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("help")
	return root
}

// own flags of a command, with their dashes.
func flagsOf(c *cobra.Command) []string {
	var out []string
	add := func(f *pflag.Flag) {
		if out = append(out, "--"+f.Name); f.Shorthand != "" {
			out = append(out, "-"+f.Shorthand)
		}
	}
	c.LocalFlags().VisitAll(add)
	return out
}

// TestNothingOfDMIsForgotten compares the command line with the list of DM's
// commands and flags, in both directions. A command that only says that it is
// not supported yet has no flags to compare.
func TestNothingOfDMIsForgotten(t *testing.T) {
	all := commands(testRoot())
	known := map[string][]string{}
	for _, l := range listedCommands(t) {
		known[l.path] = append(known[l.path], l.flags...)
		cmd, ok := all[l.path]
		parent, _, sub := strings.Cut(l.path, " ")
		if !ok && sub && all[parent] != nil && all[parent].DisableFlagParsing {
			continue // the parent is refused as a whole
		}
		if !ok {
			t.Errorf("there is no command %q", l.path)
			continue
		}
		for _, alias := range l.aliases {
			if !cmd.HasAlias(alias) {
				t.Errorf("%s is not called %s too", l.path, alias)
			}
		}
		if l.deferred != cmd.DisableFlagParsing && l.deferred {
			t.Errorf("%s is supported now: list its flags", l.path)
		}
		if cmd.DisableFlagParsing {
			continue
		}
		for _, f := range l.flags {
			if !slices.Contains(flagsOf(cmd), f) {
				t.Errorf("%s has no flag %s", l.path, f)
			}
		}
	}
	for path, cmd := range all {
		if strings.HasPrefix(path, "completion ") {
			continue // a shell each
		}
		flags, ok := known[path]
		if !ok {
			t.Errorf("%s is not in the list", path)
		}
		for _, f := range flagsOf(cmd) {
			if f != "--help" && f != "-h" && !slices.Contains(flags, f) {
				t.Errorf("flag %s of %q is not in the list", f, path)
			}
		}
	}
}

// Whoever asks for help sees how a command is used at least once.
func TestEveryCommandHasAnExample(t *testing.T) {
	for path, cmd := range commands(testRoot()) {
		if path == "help" || strings.HasPrefix(path, "completion") || cmd.DisableFlagParsing {
			continue
		}
		if cmd.Example == "" || !strings.HasPrefix(cmd.Example, "  dmctl ") {
			t.Errorf("%q has the example %q", path, cmd.Example)
		}
		// Examples are command lines that exist.
		for line := range strings.Lines(cmd.Example) {
			words := strings.Fields(strings.SplitN(line, "#", 2)[0])[1:]
			if i := slices.Index(words, ">"); i >= 0 {
				words = words[:i]
			}
			found, rest, err := testRoot().Find(words)
			if err != nil || found == testRoot() && len(rest) > 0 {
				t.Errorf("%q: example %q: %v", path, line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%q: example %q: %v", path, line, err)
			}
		}
	}
}

// The shells get scripts that call dmctl back, and what they ask is answered.
func TestCompletion(t *testing.T) {
	run := func(args ...string) string {
		var out bytes.Buffer
		p := program{Args: args, Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &out}
		if code := p.Run(t.Context()); code != 0 {
			t.Errorf("%v: exit code %d: %s", args, code, out.String())
		}
		return out.String()
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if got := run("completion", shell); !strings.Contains(got, "__complete") || !strings.Contains(got, "dmctl") {
			t.Errorf("%s: %s", shell, got)
		}
	}
	for line, want := range map[string][]string{
		"oper":                      {"operate-leader ", "operate-source "},
		"ex":                        {"exit "},
		"operate-source c":          {"create "},
		"operate-leader ":           {"evict ", "cancel-evict "},
		"query-status --wat":        {"--watch "},
		"start-task testdata/latin": {"testdata/latin1.yaml "},
		"start-task testdat":        {"testdata/"},
		"list-member ":              nil,
	} {
		c := &completer{s: &shared{program: program{Getenv: func(string) string { return "" }}}, ctx: t.Context}
		follow, n := c.Do([]rune(line), len(line))
		words := strings.Fields(line)
		word := words[len(words)-1]
		if strings.HasSuffix(line, " ") {
			word = ""
		}
		var got []string
		for _, f := range follow {
			got = append(got, word+string(f))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || n != len(word) {
			t.Errorf("%q: got %q, %d letters, want %q", line, got, n, want)
		}
	}
}
