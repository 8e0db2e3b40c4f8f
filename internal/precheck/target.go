package precheck

import (
	"context"
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// checkTarget proves that the target answers and that its user may keep the
// task's state in the meta schema.
func checkTarget(ctx context.Context, sub *config.Subtask) ([]Result, error) {
	db, err := open(ctx, fault.Downstream, sub.Target)
	if err != nil {
		return nil, unopened("check task="+sub.Task+" target", err)
	}
	defer db.Close()
	return run(ctx, []check{{"target db meta schema checker", "check whether the meta schema of the target can be written",
		func(ctx context.Context) finding { return metaPrivileges(ctx, db, sub.MetaSchema) }}}, addressOf(sub.Target)), nil
}

func metaPrivileges(ctx context.Context, db *dbconn.DB, metaSchema string) finding {
	gs, err := readGrants(ctx, db)
	if err != nil {
		return unanswered(dbconn.Error(fault.Downstream, "read the user's grants", err))
	}
	var needs []need
	for _, p := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP"} {
		needs = append(needs, need{privilege: p, schema: metaSchema})
	}
	missing := gs.missing(needs)
	if len(missing) == 0 {
		return finding{}
	}
	list := strings.Join(missing, ",")
	return failed(fmt.Sprintf("GRANT %s ON %s.* TO %s;", list, dbconn.Ident(metaSchema), gs.user),
		"lack of %s privilege on meta schema %s", list, dbconn.Ident(metaSchema))
}
