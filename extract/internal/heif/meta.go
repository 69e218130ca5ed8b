package heif

// meta is the content of a meta box.
type meta struct {
	primary    uint32
	primaryAt  place
	items      map[uint32]*item
	references []reference
	properties []box
}

// An item is a picture, or something that belongs to one.
type item struct {
	id         uint32
	kind       string
	properties []association
}

// An association gives an item a property, an index of meta.properties. They apply in
// their order.
type association struct {
	property int
	at       place
}

type reference struct {
	kind string
	from uint32
	to   []uint32
}

func readMeta(data []byte) (*meta, error) {
	top := cursor{b: data}
	b, ok := top.find("meta")
	if !ok {
		return nil, damaged("it has no list of pictures, or ends before it")
	}
	b.full()
	m := &meta{items: map[uint32]*item{}}
	for {
		child, ok := b.next()
		if !ok {
			break
		}
		switch child.kind {
		case "pitm":
			m.readPrimary(child)
		case "iinf":
			m.readInfos(child)
		case "iref":
			m.readReferences(child)
		case "iprp":
			m.readProperties(child)
		}
	}
	if m.primaryAt.size == 0 {
		return nil, damaged("it names no primary picture")
	}
	return m, nil
}

func (m *meta) item(id uint32) *item {
	it := m.items[id]
	if it == nil {
		it = &item{id: id}
		m.items[id] = it
	}
	return it
}

// idSize is the size of an item's number in a box of that version.
func idSize(version, wideFrom int) int {
	if version >= wideFrom {
		return 4
	}
	return 2
}

func (m *meta) readPrimary(b box) {
	version, _ := b.full()
	size := idSize(version, 1)
	at := b.at
	m.primary = uint32(b.uint(size))
	if !b.short {
		m.primaryAt = place{at, size}
	}
}

func (m *meta) readInfos(b box) {
	version, _ := b.full()
	b.uint(idSize(version, 1)) // how many
	for {
		info, ok := b.next()
		if !ok {
			return
		}
		if info.kind != "infe" {
			continue
		}
		version, _ := info.full()
		if version < 2 {
			continue // of other kinds of files
		}
		id := uint32(info.uint(idSize(version, 3)))
		info.u16() // protection
		if kind := info.take(4); kind != nil {
			m.item(id).kind = string(kind)
		}
	}
}

func (m *meta) readReferences(b box) {
	version, _ := b.full()
	for {
		r, ok := b.next()
		if !ok {
			return
		}
		size := idSize(version, 1)
		ref := reference{kind: r.kind, from: uint32(r.uint(size))}
		for n := r.u16(); n > 0 && len(r.b) >= size; n-- {
			ref.to = append(ref.to, uint32(r.uint(size)))
		}
		m.references = append(m.references, ref)
	}
}

// readProperties reads the properties and which items have them.
func (m *meta) readProperties(b box) {
	for {
		child, ok := b.next()
		if !ok {
			return
		}
		switch child.kind {
		case "ipco":
			for {
				p, ok := child.next()
				if !ok {
					break
				}
				m.properties = append(m.properties, p)
			}
		case "ipma":
			m.readAssociations(child)
		}
	}
}

func (m *meta) readAssociations(b box) {
	version, flags := b.full()
	for n := b.u32(); n > 0 && !b.short; n-- {
		it := m.item(uint32(b.uint(idSize(version, 1))))
		for k := b.u8(); k > 0 && !b.short; k-- {
			at := place{b.at, 1 + int(flags&1)}
			const essential = 1
			index := int(b.uint(at.size)) & (1<<(8*at.size-essential) - 1)
			if index > 0 {
				it.properties = append(it.properties, association{index - 1, at})
			}
		}
	}
}

// each calls f with the properties of an item, in their order.
func (m *meta) each(it *item, f func(p box)) {
	for _, a := range it.properties {
		if a.property < len(m.properties) {
			f(m.properties[a.property])
		}
	}
}

// referred lists the items that id refers to in that way.
func (m *meta) referred(kind string, id uint32) []uint32 {
	for _, r := range m.references {
		if r.kind == kind && r.from == id {
			return r.to
		}
	}
	return nil
}
