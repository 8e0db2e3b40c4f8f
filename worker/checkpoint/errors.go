package checkpoint

import "errors"

// ErrFenced means that another worker serves this source now: it has raised
// the epoch of our rows. The transaction in which it is met must be rolled
// back, and the unit stops without writing anything more.
var ErrFenced = errors.New("fenced: another worker has taken over this source in the target")
