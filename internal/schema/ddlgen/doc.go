// Package ddlgen makes random DDL statements for tests: statements that servers
// accept more often than not, of every form whose effect on a structure is
// followed by package schema. All follows from the generator's random source.
package ddlgen
