package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/tlsconf"
	"github.com/raftdm/raftdm/rpc"
)

// masters gives how to reach the masters; the set is nil for plain connections.
func (s *shared) masters(cmd *cobra.Command) (config.DmctlConfig, *tlsconf.Set, error) {
	c, err := s.settings(cmd)
	if err != nil {
		return c, nil, err
	}
	set, err := tlsconf.Load(c.Security, slog.New(slog.DiscardHandler))
	if err != nil {
		return c, nil, &fault.Error{Code: 48002, Kind: fault.KindOf(err), Err: err, Hint: fault.HintOf(err)}
	}
	return c, set, nil
}

// withFiles sends along with a request what the files of its texts are called,
// and the contents of the files that their TLS sections name: the other machines
// may not have them. A text that cannot be read is for the masters to refuse.
func (s *shared) withFiles(ctx context.Context, paths []string, texts ...string) context.Context {
	ctx = rpc.FileNames(ctx, paths...)
	found := map[string]string{}
	for _, text := range texts {
		for _, sec := range securityOf(text) {
			s.readSecurity(sec, found)
		}
	}
	return rpc.SecurityFiles(ctx, found)
}

// securityOf gives the TLS sections of a source or task file.
func securityOf(text string) []config.Security {
	if t, _, err := config.Blind().DecodeTask("", []byte(text)); err == nil {
		return []config.Security{t.Target.Security}
	}
	if src, _, err := config.Blind().DecodeSource("", []byte(text)); err == nil {
		return []config.Security{src.From.Security}
	}
	return nil
}

// readSecurity adds the files of a section, all or none.
func (s *shared) readSecurity(sec config.Security, into map[string]string) {
	read := map[string]string{}
	for _, path := range sec.Paths() {
		data, err := os.ReadFile(path)
		if err != nil {
			s.noteOnce(rpc.Message(&fault.Error{Code: 48003, Msg: "the masters and workers have to find the files of security themselves, since here " + path + " cannot be read",
				Err: err, Hint: "put the file there, or correct its path in the section security"}))
			return
		}
		read[path] = string(data)
	}
	for path, data := range read {
		into[path] = data
	}
}
