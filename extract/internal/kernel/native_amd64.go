//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate go run -C _asm . -isa avx512 -pkg kernel -declarations ../avx512_amd64.go -out ../avx512_amd64.s
//go:generate go run -C _asm . -isa avx2 -pkg kernel -declarations ../avx2_amd64.go -out ../avx2_amd64.s

// native returns the sets written in assembly that this processor can run.
func native() []*Set {
	var sets []*Set
	fused := cpu.X86.HasFMA && cpu.X86.HasBMI2
	if cpu.X86.HasAVX512F && fused {
		sets = append(sets, avx512)
	}
	if cpu.X86.HasAVX2 && fused {
		sets = append(sets, avx2)
	}
	return sets
}

var avx512 = &Set{
	Name:      "avx512",
	panels:    avx512Panels,
	depthwise: avx512Depthwise,
	maxInto:   avx512MaxInto,
	addInto:   avx512AddInto,
	mulInto:   avx512MulInto,
	affine:    avx512Affine,
	clip:      avx512Clip,
}

var avx2 = &Set{
	Name:      "avx2",
	panels:    avx2Panels,
	depthwise: avx2WholeVectors,
	maxInto:   avx2MaxInto,
	addInto:   avx2AddInto,
	mulInto:   avx2MulInto,
	affine:    avx2Affine,
	clip:      avx2Clip,
}

// avx2WholeVectors leaves the channels behind the last whole vector to portable
// code: masked memory operands are slow on some processors that have no AVX-512,
// and hardly any network has such channels.
func avx2WholeVectors(d *Depthwise) {
	const lanes = 8
	whole, part := *d, *d
	whole.C = d.C / lanes * lanes
	if whole.C > 0 {
		avx2Depthwise(&whole)
	}
	if part.C -= whole.C; part.C > 0 {
		k := whole.C
		part.In, part.W, part.Bias, part.Out = d.In[k:], d.W[k:], d.Bias[k:], d.Out[k:]
		depthwiseRow(&part)
	}
}
