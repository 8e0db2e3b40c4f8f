package expr

// The numbers of errors, for tests.
const (
	CodeGrammar   = codeGrammar
	CodeManyKinds = codeManyKinds
	CodeNoTable   = codeNoTable
)
