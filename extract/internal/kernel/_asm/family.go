package main

import (
	"fmt"
	"strings"
)

// A family is the kernels that share a file.
type family struct {
	name    string
	kernels func(v *vector)
	tables  []func(v *vector, b *strings.Builder) // of its kernels, in Go
}

var families = []family{
	{"product", products, tables((*vector).panelTable)},
	{"depthwise", func(v *vector) { depthwise(v); depthwiseTaps(v) }, tables((*vector).tapTable)},
	{"transform", transforms, tables((*vector).transformTable)},
	{"winograd", winogradTransforms, tables((*vector).winogradTable)},
	{"pointwise", func(v *vector) { pointwise(v); fakeQuantize(v) }, nil},
	{"activation", activations, nil},
	{"reduction", reductions, nil},
	{"outer", outers, tables((*vector).outerTable)},
	{"depthwise_gradient", depthwiseGradients, tables((*vector).depthwiseGradientTable)},
	{"pointwise_gradient", pointwiseGradients, nil},
	{"bytes_product", byteProductsOf, tables((*vector).bytePanelTables)},
	{"bytes_depthwise", byteDepthwiseOf, nil},
	{"bytes_pointwise", bytePointwiseOf, nil},
}

func tables(t ...func(v *vector, b *strings.Builder)) []func(*vector, *strings.Builder) { return t }

func familyByName(name string) (family, error) {
	for _, f := range families {
		if f.name == name {
			return f, nil
		}
	}
	return family{}, fmt.Errorf("no family of kernels called %q", name)
}

// With mask registers kernels on bytes multiply bytes; without them they multiply pairs
// of 16 bits, and for AVX-VNNI there are products of bytes as well.

func byteProductsOf(v *vector) {
	if v.masks {
		byteProducts(v)
		return
	}
	pairProducts(v)
	byteDots(v)
}

func byteDepthwiseOf(v *vector) {
	if v.masks {
		byteDepthwise(v)
		byteDepthwiseColumns(v)
		byteDepthwiseColumns5(v)
		return
	}
	pairDepthwise(v)
}

func bytePointwiseOf(v *vector) {
	if v.masks {
		bytePointwise(v)
		return
	}
	pairPointwise(v)
}

func (v *vector) bytePanelTables(b *strings.Builder) {
	if v.masks {
		v.bytePanelTable(b, "BytePanels", byteRows, byteTileName)
		return
	}
	v.bytePanelTable(b, "BytePanels", pairRows, byteTileName)
	v.bytePanelTable(b, "DotPanels", dotRows, dotTileName)
}
