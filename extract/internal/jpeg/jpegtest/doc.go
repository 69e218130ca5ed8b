// Package jpegtest writes JPEG files of any shape for tests, and says in float64
// what they look like.
//
// A Picture is the quantised coefficients of every component. Encode writes them
// as a sequential or progressive file; Samples and Upsampled are an independent
// reference for a decoder: the inverse DCT from its definition, and chroma spread
// by the rules of libjpeg.
package jpegtest
