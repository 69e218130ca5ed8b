package photo

import "context"

// Decode reads a photo for this preprocessing, which may leave out parts that
// Fill will not look at. The photo belongs to s and is valid until s decodes the
// next one. It does not wait for lim.Memory; Prepare does.
func (p *Preprocess) Decode(data []byte, lim Limits, s *Scratch) (*Photo, error) {
	src, err := open(data, p, lim, s)
	if err != nil {
		return nil, err
	}
	return src.photo(context.Background(), p, s)
}

// Prepare turns the bytes of a picture file into a network's input: Decode and Fill. It
// waits for the photo's share of lim.Memory first and gives it back at the end. dst gets
// p.Len() values. warning is the photo's Warning.
func (p *Preprocess) Prepare(ctx context.Context, dst []float32, data []byte, lim Limits, s *Scratch) (warning string, err error) {
	return p.PrepareView(ctx, dst, data, View{}, lim, s)
}

// PrepareView is Prepare for a view of the photo.
func (p *Preprocess) PrepareView(ctx context.Context, dst []float32, data []byte, v View, lim Limits, s *Scratch) (warning string, err error) {
	return p.PrepareViews(ctx, dst, data, []View{v}, lim, s, func(int) error { return nil })
}

// PrepareViews prepares several views of a photo, which is decoded once, or again where a
// view is enlarged and needs another size than the one before. Each view is written to
// dst in turn, and seen is called with its index. An error of seen ends it. What a view
// shows does not depend on the others.
func (p *Preprocess) PrepareViews(ctx context.Context, dst []float32, data []byte, views []View, lim Limits, s *Scratch,
	seen func(i int) error) (warning string, err error) {
	if err := p.Validate(); err != nil {
		return "", err
	}
	finest := *p
	for _, v := range views {
		finest.JPEGReduce = max(finest.JPEGReduce, v.decoding(p).JPEGReduce)
	}
	src, err := open(data, &finest, lim, s)
	if err != nil {
		return "", err
	}
	done, err := lim.Memory.wait(ctx, src.need)
	if err != nil {
		return "", err
	}
	defer done()
	defer s.release(src.need)
	var ph *Photo
	for i, v := range views {
		if q := v.decoding(p); ph == nil || src.reduced(&q) != max(ph.reduce, 1) {
			if ph, err = src.photo(ctx, &q, s); err != nil {
				return "", err
			}
			ph.preprocess = *p
		}
		if err := p.FillView(dst, ph, v, s); err != nil {
			return ph.Warning, err
		}
		if err := seen(i); err != nil {
			return ph.Warning, err
		}
	}
	return ph.Warning, nil
}

// Pixels is Prepare without a context and a warning. With a nil s it allocates its own
// memory.
func (p *Preprocess) Pixels(dst []float32, data []byte, lim Limits, s *Scratch) error {
	if s == nil {
		s = new(Scratch)
	}
	_, err := p.Prepare(context.Background(), dst, data, lim, s)
	return err
}
