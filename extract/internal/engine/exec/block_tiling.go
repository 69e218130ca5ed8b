package exec

// prepare chooses strips and chunks.
func (s *Block) prepare() {
	d := s.depthwise
	s.ring.left, s.ring.right = d.Pad.Left, d.Pad.Right
	whole := s.wholePanels()
	for n := len(whole); n >= 1; n-- { // all rows of a group of panels, the largest that fits
		c := whole[min(n, len(whole))-1]
		if s.floats(s.h, c) <= s.cache && (c >= minChunk || c == s.channels) {
			s.cut(s.h, n)
			return
		}
	}
	strip := 1
	for strip < s.h && s.floats(strip+1, s.channels) <= s.cache {
		strip++
	}
	s.cut(strip, len(whole))
}

// minChunk is the fewest channels of a chunk: a projection reads and writes all of
// its result for every chunk.
const minChunk = 64

// wholePanels returns how many channels the first 1, 2, … panels of the expansion
// hold; without one the channels are not cut.
func (s *Block) wholePanels() []int {
	if s.expandWeights == nil {
		return []int{s.channels}
	}
	var ends []int
	for _, q := range s.expandWeights.Panels {
		ends = append(ends, q.Col+q.Cols)
	}
	return ends
}

// floats is the scratch memory of a strip of so many rows and channels.
func (s *Block) floats(rows, channels int) int {
	n := 0
	if s.project != nil {
		n += rows * s.w * channels
	}
	if s.expand != nil {
		n += (s.slots(rows) + 1) * (s.in.W + s.ring.left + s.ring.right) * channels
	}
	return n
}

// slots is how many rows of its input a strip of the depthwise convolution needs.
func (s *Block) slots(rows int) int {
	d := s.depthwise
	return min((rows-1)*d.SH+(d.KH-1)*d.DH+1, s.in.H+d.Pad.Top)
}

// cut sets strips of so many rows and chunks of about so many panels.
func (s *Block) cut(strip, panels int) {
	s.strip = strip
	ends := s.wholePanels()
	count := (len(ends) + panels - 1) / panels
	for i := range count { // chunks of nearly the same size
		from, to := len(ends)*i/count, len(ends)*(i+1)/count
		c := [2]int{0, ends[to-1]}
		if from > 0 {
			c[0] = ends[from-1]
		}
		s.chunks, s.panels = append(s.chunks, c), append(s.panels, [2]int{from, to})
	}
	s.ring.slots = s.slots(strip)
	s.ring.row = (s.in.W + s.ring.left + s.ring.right) * s.widest()
}

func (s *Block) widest() int {
	n := 0
	for _, c := range s.chunks {
		n = max(n, c[1]-c[0])
	}
	return n
}
