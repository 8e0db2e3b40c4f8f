package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

// completeWithin is how long somebody who presses Tab waits for a master.
const completeWithin = time.Second

// completer completes lines by the same means as the shells: the hidden command
// __complete of the command line itself.
type completer struct {
	s       *shared
	ctx     func() context.Context
	globals []string
}

// Do is called when Tab is pressed: it gives what may follow the line, and how
// many of its last letters belong to the word that is completed.
func (c *completer) Do(line []rune, pos int) (follow [][]rune, length int) {
	text := string(line[:pos])
	words := strings.Fields(text)
	word := ""
	if len(words) > 0 && !strings.HasSuffix(text, " ") {
		word, words = words[len(words)-1], words[:len(words)-1]
	}
	for _, w := range c.candidates(words, word) {
		if rest, ok := strings.CutPrefix(w, word); ok {
			follow = append(follow, []rune(rest))
		}
	}
	return follow, len([]rune(word))
}

func (c *completer) candidates(words []string, word string) []string {
	var out bytes.Buffer
	p := c.s.program
	p.Stdout, p.Stderr = &out, io.Discard
	p.Args = slices.Concat([]string{"__complete"}, c.globals, words, []string{word})
	p.typed = nil
	_ = p.Run(c.ctx())
	var found []string
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, ":") { // the directive, which is the end
			if line == ":0" && len(found) == 0 {
				return files(word)
			}
			break
		}
		name, _, _ := strings.Cut(line, "\t")
		found = append(found, name+" ")
	}
	if len(words) == 0 && strings.HasPrefix("exit", word) {
		found = append(found, "exit ")
	}
	return found
}

// files gives the paths that begin with a word.
func files(word string) []string {
	paths, err := filepath.Glob(word + "*")
	if err != nil {
		return nil
	}
	for i, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			paths[i] += string(filepath.Separator)
		} else {
			paths[i] += " "
		}
	}
	return paths
}

// firstOf completes the first argument with one of a few words, the others with
// files.
func firstOf(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// taskNames completes the first argument with the tasks of the cluster, or with
// files when no master is at hand.
func taskNames(s *shared) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, set, err := s.masters(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		conn, _, err := reach(ctx, set, c.MasterAddrs)
		if err != nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		defer conn.Close()
		resp, err := pb.NewMasterClient(conn).QueryStatus(ctx, &pb.QueryStatusListRequest{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var names []string
		for _, t := range summarize(resp).Tasks {
			names = append(names, t.Name)
		}
		return names, cobra.ShellCompDirectiveDefault
	}
}
