//go:build !amd64 || purego

package row

func convertVector(dst, y, cb, cr []byte, m *Matrix) int { return 0 }

func blendVector(dst []int16, near, far []byte) int { return 0 }

func doubleVector(dst []byte, s []int16, even, odd int) int { return 0 }

func alongVector(dst, src []byte, t *Taps) bool { return false }

func acrossVector(dst []byte, rows [][]byte, weights []int32) int { return 0 }
