// Package report gathers what there is to say about a store and a head: how good the head
// is, and which photos are worth a look. It has figures and names of photos, and no pictures:
// those, and the page that shows them, are the caller's.
//
// Everything is computed by package train, by the same functions that answer single questions.
// What cannot be computed, because there are too few photos or no head, is left out, and
// Figures.Missing says why.
package report
