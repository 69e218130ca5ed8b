package kernel

// A Transform multiplies a small matrix with vectors of channels: the input and output
// transforms of Winograd convolutions. For every line l and output o
//
//	Out[l·OutLine + o·OutStep][c] = clip(Σᵢ M[i][o] · In[l·InLine + i·InStep][c] + Bias[c] + R[l·RLine + o·RStep][c])
//
// Lengths and strides are in floats.
type Transform struct {
	In             []float32
	InStep, InLine int
	NIn            int
	M              []float32 // NIn rows of LDM values, of which NOut are used
	LDM            int
	Out            []float32
	OutStep        int
	OutLine        int
	NOut           int // at most MaxOutputs
	Lines, C       int
	Bias           []float32 // C values; nil for none
	R              []float32 // added; nil for none; may be where Out is
	RStep, RLine   int
	Lo, Hi         float32
	Winograd       *Winograd // the kernel for this matrix alone; nil for the general one
}

// MaxOutputs is the most outputs of a Transform.
const MaxOutputs = 12

// Transform applies a small matrix along an axis.
func (s *Set) Transform(t *Transform) { s.transform(t) }

func transform(t *Transform) {
	for l := range t.Lines {
		for o := range t.NOut {
			out := t.Out[l*t.OutLine+o*t.OutStep:][:t.C]
			if t.R != nil { // first: R may be where Out is
				copy(out, t.R[l*t.RLine+o*t.RStep:])
			} else {
				clear(out)
			}
			if t.Bias != nil {
				addInto(out, t.Bias[:t.C])
			}
			for i := range t.NIn {
				m := t.M[i*t.LDM+o]
				for c, v := range t.In[l*t.InLine+i*t.InStep:][:len(out)] {
					out[c] += m * v
				}
			}
			clipAll(out, t.Lo, t.Hi)
		}
	}
}
