package testbed

import (
	"context"
	"fmt"
	"os/exec"
)

// PtOSC runs pt-online-schema-change on a table of the server, in small chunks, so
// that there is time for what a test does meanwhile. more are more of its arguments.
func (s *Server) PtOSC(ctx context.Context, schema, table, alter string, more ...string) error {
	path, err := exec.LookPath("pt-online-schema-change")
	if err != nil {
		return fmt.Errorf("pt-online-schema-change is not installed; make deps installs it: %w", err)
	}
	args := append([]string{"--no-version-check", "--recursion-method", "none", "--max-load", "", "--critical-load", "", "--chunk-size", "200", "--chunk-time", "0", "--execute", "--alter", alter}, more...)
	dsn := fmt.Sprintf("h=%s,P=%d,u=%s,p=%s,D=%s,t=%s", s.Host, s.Port, s.User, s.Password, schema, table)
	if out, err := exec.CommandContext(ctx, path, append(args, dsn)...).CombinedOutput(); err != nil {
		return fmt.Errorf("pt-online-schema-change of %s: %w\n%s", table, err, out)
	}
	return nil
}
