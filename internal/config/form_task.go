package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/raftdm/raftdm/internal/fault"
)

// TaskForm gives one task file for the configuration texts of a task's sources.
// What instances refer to by name has generated names in it, as DM gives them:
// balist-01, route-01. differ are the top-level keys about which the texts
// disagree, which they do when sources were added with an edited file; the form
// has what the first source says then.
func (k SecretKey) TaskForm(texts map[string]string, s Secrecy) (form string, differ []string, err error) {
	b := &formBuilder{key: k, secrecy: s, parts: mustTree(formParts), sets: map[string]*formSet{}}
	for _, source := range slices.Sorted(maps.Keys(texts)) {
		if err := b.add(source, texts[source]); err != nil {
			return "", nil, err
		}
	}
	if b.top == nil {
		return "", nil, fault.New(fault.NotFound, "the task has no source")
	}
	out, err := b.finish()
	if err != nil {
		return "", nil, err
	}
	form, err = printForm(out)
	return form, slices.Compact(slices.Sorted(slices.Values(b.differ))), err
}

// formBuilder puts a task file together.
type formBuilder struct {
	key       SecretKey
	secrecy   Secrecy
	parts     *yaml.Node
	top       *yaml.Node // the top-level keys, of the first source
	instances []*yaml.Node
	sets      map[string]*formSet
	differ    []string
}

// formSet is a section of named entries that is being filled; equal entries
// share a name.
type formSet struct {
	names  map[string]string // by content
	output *yaml.Node
}

// formSection is a section of a task file, what an instance calls it, and how
// its entries are named.
type formSection struct{ section, key, prefix string }

func ruleSections() []formSection {
	return []formSection{{"routes", "route-rules", "route"}, {"filters", "filter-rules", "filter"},
		{"expression-filter", "expression-filters", "expr-filter"}, {"column-mappings", "column-mapping-rules", "cm"}}
}

// unitSection is a section with the settings of a unit, which an instance names,
// has inline, or corrects the number of threads of.
type unitSection struct{ section, name, inline, thread, count, prefix string }

func unitSections() []unitSection {
	return []unitSection{
		{"mydumpers", "mydumper-config-name", "mydumper", "mydumper-thread", "threads", "dump"},
		{"loaders", "loader-config-name", "loader", "loader-thread", "pool-size", "load"},
		{"syncers", "syncer-config-name", "syncer", "syncer-thread", "worker-count", "sync"},
	}
}

// add takes over what a text says about one source.
func (b *formBuilder) add(source, text string) error {
	root, err := tree("the task for source "+source, text)
	if err != nil {
		return err
	}
	list := mapGet(root, "mysql-instances")
	if list == nil {
		list = &yaml.Node{}
	}
	var in *yaml.Node
	for _, n := range list.Content {
		if id := mapGet(n, "source-id"); id != nil && id.Value == source {
			in = n
		}
	}
	if in == nil {
		return fault.New(fault.Corrupt, "the stored task file does not name source "+source)
	}
	for _, s := range ruleSections() {
		b.rules(s, root, in)
	}
	b.lists(root, in)
	for _, u := range unitSections() {
		b.unit(u, root, in)
	}
	b.instances = append(b.instances, fill(mapGet(b.parts, "instance"), in))
	b.key.secrets(mapGet(root, "target-database"), b.secrecy)
	for _, key := range []string{"mysql-instances", "routes", "filters", "expression-filter", "column-mappings",
		"block-allow-list", "black-white-list", "mydumpers", "loaders", "syncers"} {
		mapDel(root, key)
	}
	b.compare(root)
	return nil
}

// compare keeps the first source's top-level keys and notes where others differ.
func (b *formBuilder) compare(root *yaml.Node) {
	full := fill(mustTree(formTask), root)
	if b.top == nil {
		b.top = full
		return
	}
	for _, pair := range [][2]*yaml.Node{{b.top, full}, {full, b.top}} {
		for i := 0; i+1 < len(pair[0].Content); i += 2 {
			key := pair[0].Content[i].Value
			if contentOf(pair[0].Content[i+1]) != contentOf(mapGet(pair[1], key)) {
				b.differ = append(b.differ, key)
			}
		}
	}
}

// rules gives the rules that an instance names new names.
func (b *formBuilder) rules(s formSection, root, in *yaml.Node) {
	names := mapGet(in, s.key)
	if names == nil || names.Kind != yaml.SequenceNode {
		return
	}
	for i, n := range names.Content {
		names.Content[i] = textNode(b.name(s.section, s.prefix, mapGet(mapGet(root, s.section), n.Value)))
	}
}

// lists gives the instance's block-allow-list a new name, under whichever of its
// two names it stands.
func (b *formBuilder) lists(root, in *yaml.Node) {
	section := mapGet(root, "block-allow-list")
	if section == nil || len(section.Content) == 0 {
		section = mapGet(root, "black-white-list")
	}
	name := mapGet(in, "block-allow-list")
	if name == nil || name.Value == "" || isNullNode(name) {
		name = mapGet(in, "black-white-list")
	}
	mapDel(in, "black-white-list")
	if name == nil || name.Value == "" || isNullNode(name) {
		mapDel(in, "block-allow-list")
		return
	}
	mapSet(in, "block-allow-list", textNode(b.name("block-allow-list", "balist", mapGet(section, name.Value))))
}

// unit gives the settings of a unit a name, wherever they stood.
func (b *formBuilder) unit(u unitSection, root, in *yaml.Node) {
	settings := mapGet(in, u.inline)
	if settings == nil || isNullNode(settings) {
		settings = &yaml.Node{Kind: yaml.MappingNode}
		if name := mapGet(in, u.name); name != nil && name.Value != "" {
			if named := mapGet(mapGet(root, u.section), name.Value); named != nil && !isNullNode(named) {
				settings = fill(named, nil)
			}
		}
	}
	if n := mapGet(in, u.thread); n != nil {
		if count, err := strconv.Atoi(strings.ReplaceAll(n.Value, "_", "")); err == nil && count > 0 {
			settings = &yaml.Node{Kind: yaml.MappingNode, Content: slices.Clone(settings.Content)}
			mapSet(settings, u.count, n)
		}
	}
	mapDel(in, u.inline)
	mapDel(in, u.thread)
	mapSet(in, u.name, textNode(b.name(u.section, u.prefix, settings)))
}

// name gives the name of an entry, a new one when there is no equal entry yet.
func (b *formBuilder) name(section, prefix string, entry *yaml.Node) string {
	if entry == nil {
		entry = &yaml.Node{Kind: yaml.MappingNode}
	}
	if form := mapGet(b.parts, section); form != nil {
		entry = fill(form, entry)
	}
	set := b.sets[section]
	if set == nil {
		set = &formSet{names: map[string]string{}, output: &yaml.Node{Kind: yaml.MappingNode}}
		b.sets[section] = set
	}
	content := contentOf(entry)
	name, ok := set.names[content]
	if !ok {
		name = fmt.Sprintf("%s-%02d", prefix, len(set.names)+1)
		set.names[content] = name
		mapSet(set.output, name, entry)
	}
	return name
}

func contentOf(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	text, err := printForm(n)
	if err != nil {
		return err.Error() // cannot be written either, which finish reports
	}
	return text
}

// finish puts the parts into the order of the form.
func (b *formBuilder) finish() (*yaml.Node, error) {
	out := b.top
	mapSet(out, "mysql-instances", &yaml.Node{Kind: yaml.SequenceNode, Content: b.instances})
	for section, set := range b.sets {
		mapSet(out, section, set.output)
	}
	if b.secrecy == Sealed {
		b.oldKeys(out)
	}
	return out, nil
}

// oldKeys takes out the keys that DM 2.0 does not know, where they have their
// default.
func (b *formBuilder) oldKeys(out *yaml.Node) {
	standard := mustTree(formTask)
	for _, key := range []string{"online-ddl", "shadow-table-rules", "trash-table-rules", "expression-filter"} {
		if contentOf(mapGet(out, key)) == contentOf(mapGet(standard, key)) {
			mapDel(out, key)
		}
	}
	for _, in := range b.instances {
		if n := mapGet(in, "expression-filters"); n != nil && len(n.Content) == 0 {
			mapDel(in, "expression-filters")
		}
	}
	syncers := mapGet(out, "syncers")
	for i := 1; i < len(syncers.Content); i += 2 {
		for _, key := range []string{"compact", "multiple-rows"} {
			if n := mapGet(syncers.Content[i], key); n != nil && n.Value == "false" {
				mapDel(syncers.Content[i], key)
			}
		}
	}
}
