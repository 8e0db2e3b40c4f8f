// Package config reads the YAML files of sources and tasks and the TOML files
// of the programs, strictly: one error names the file, the line and the key.
//
// Nothing here touches a network or a database, and apart from the programs'
// own files (ParseMaster, ParseWorker) nothing touches a disk: callers hand in
// text. dmctl, the masters (which decode what an operator sends and store the
// text) and the workers (which decode what the master stored) all use it, so a
// text that one of them accepts is accepted by all.
//
// Every key of DM is known. It is honoured; or it has no effect on a correct
// migration (deprecated, or about a thing that works by itself here) and is
// answered by a warning; or it is refused with a fault of kind Unsupported,
// "not supported yet: KEY", when it is set to something that would change what
// is migrated. A key that DM does not know is an error.
//
// Invariants: a decoded value is complete (defaults filled in, references
// resolved) and never changed; passwords are plain text inside a Secret, which
// prints as stars, and Encode writes them encrypted; no error and no warning
// holds a value of a password key.
//
// Failures are *fault.Error of kind Invalid with DM's code for the mistake, or
// 20003 (20002 for TOML) when DM has no code of its own for it.
package config
