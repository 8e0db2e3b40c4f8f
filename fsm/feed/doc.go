// Package feed lets any number of readers follow the changes of an fsm.Store.
//
// It is the concurrent half of fsm, kept apart so that the core stays
// sequential. One writer, the goroutine that applies, hands each batch over
// without ever waiting; readers take what they missed from a bounded buffer,
// else from the store's change log, else are told ErrCompacted. A reader never
// meets a silent gap and never slows the writer or another reader down.
//
// After ErrCompacted a reader takes the state from Store.View and subscribes
// from that view's Index. The same is right when it starts with nothing.
//
// The feed starts no goroutine. A subscription holds no resource until Next is
// called and needs no closing.
package feed
