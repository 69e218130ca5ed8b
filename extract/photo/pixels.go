package photo

// Decode reads a photo for this preprocessing, which may leave out parts that
// Fill will not look at. The photo belongs to s and is valid until s decodes the
// next one.
func (p *Preprocess) Decode(data []byte, lim Limits, s *Scratch) (*Photo, error) {
	return decodePhoto(data, p, lim, s)
}

// Pixels turns the bytes of a picture file into a network's input: Decode and
// Fill. dst gets p.Len() values. A nil s allocates for this call alone.
func (p *Preprocess) Pixels(dst []float32, data []byte, lim Limits, s *Scratch) error {
	if s == nil {
		s = new(Scratch)
	}
	if err := p.Validate(); err != nil {
		return err
	}
	ph, err := p.Decode(data, lim, s)
	if err != nil {
		return err
	}
	return p.Fill(dst, ph, s)
}
