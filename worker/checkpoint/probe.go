package checkpoint

import "context"

// probeColumns is a table in which it is found out what the target does with rows
// that are of no other use.
const probeColumns = `
  source VARCHAR(64) NOT NULL,
  n INT NOT NULL,
  KEY (source)`

// Probe makes that table and gives its name, quoted and with its schema. Rows with
// our source are deleted first, those of other sources are none of our business.
func (m *Meta) Probe(ctx context.Context) (string, error) {
	if err := m.createTable(ctx, tableDef{suffix: suffixProbe, body: probeColumns}); err != nil {
		return "", err
	}
	name := m.table(suffixProbe)
	_, err := m.DB.ExecContext(ctx, "DELETE FROM "+name+" WHERE source = ?", m.Source)
	return name, m.wrap("empty the table for probes", err)
}
