package graph

// Whole returns the ingredients in full when a label has no space for them and
// folds them, to be kept elsewhere under the image's key; "" when the label has
// them all.
func (r Record) Whole() (string, error) {
	head, images, err := r.verdictPart()
	if err != nil {
		return "", err
	}
	whole, err := r.wire(folding{}).pack()
	if err != nil || len(recordPrefix)+len(head)+1+len(whole)+len(images) <= RecordBudget {
		return "", err
	}
	return whole, nil
}

// ParseWhole reads the record out of an image's labels, but the ingredients out
// of what Whole returned. Errors are those of ParseRecord, also when that
// belongs to another key.
func ParseWhole(labels map[string]string, whole string) (Record, error) {
	head, _, images, err := cutRecord(labels)
	if err != nil {
		return Record{}, err
	}
	return parseRecord(head, whole, images, labels)
}
