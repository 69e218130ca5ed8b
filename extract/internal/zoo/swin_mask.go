package zoo

import (
	"featstore/extract/internal/onnx/onnxtest"
	"featstore/extract/internal/tensor"
)

// shiftMask keeps tokens of a shifted map from attending to those that only the
// shift made their neighbours: −100 for each such pair, windows × 1 × n × n. It
// numbers the regions of the map, cuts the numbers into windows and compares them.
func (s *swin) shiftMask(h, w, shift int) string {
	m := s.window
	regions := s.constant(tensor.New(make([]float32, h*w), h, w))
	number := 0
	for _, y := range [][2]int{{0, h - m}, {h - m, h - shift}, {h - shift, h}} {
		for _, x := range [][2]int{{0, w - m}, {w - m, w - shift}, {w - shift, w}} {
			if y[0] < y[1] && x[0] < x[1] {
				regions = s.assign(regions, w, y, x, number)
			}
			number++
		}
	}
	cut := s.permute(s.reshape(regions, h/m, m, w/m, m), 0, 2, 1, 3)
	cut = s.reshape(cut, h/m*(w/m), m*m)
	differ := s.op("Sub", s.unsqueeze(cut, 1), s.unsqueeze(cut, 2))
	same := s.op("Equal", differ, s.scalar(0))
	far := s.constant(tensor.New([]float32{-100}))
	mask := s.op("Where", s.op("Not", same), far, differ)
	return s.unsqueeze(s.op("Where", same, s.scalar(0), mask), 1)
}

// assign is regions[y0:y1, x0:x1] = v as the exporters write it: the rows are cut
// out, their columns replaced, and the rows put back, by ScatterND each time.
func (s *swin) assign(regions string, w int, y, x [2]int, v int) string {
	indices := func(r [2]int) string {
		if s.constants {
			list := make([]int64, r[1]-r[0])
			for i := range list {
				list[i] = int64(r[0] + i)
			}
			return s.constant(tensor.New(list, len(list), 1))
		}
		return s.unsqueeze(s.op("Range", s.index(r[0]), s.index(r[1]), s.index(1)), -1)
	}
	rows := s.permute(s.slice(regions, 0, y[0], y[1], 1), 1, 0)
	value := s.op("Expand", s.scalar(float64(v)), s.ints(x[1]-x[0], y[1]-y[0]))
	rows = s.permute(s.op("ScatterND", rows, indices(x), value), 1, 0)
	attrs := onnxtest.Attrs{}
	if s.opset >= 16 {
		attrs["reduction"] = "none"
	}
	return s.Op("ScatterND", []string{regions, indices(y), rows}, attrs)
}
