// Command kubectl-reader reads texts as `kubectl apply -f` does: by the decoder of k8s.io/apimachinery that its resource builder uses, which splits a file
// into documents, converts them to JSON and skips empty ones. It is given one text a line, as a JSON string, and answers with one JSON object a line:
// {"documents": [...]} or {"error": "..."}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

type answer struct {
	Documents []json.RawMessage `json:"documents"`
	Error     string            `json:"error,omitempty"`
}

func read(text string) answer {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	found := answer{Documents: []json.RawMessage{}}
	for {
		var object runtime.RawExtension
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			return answer{Documents: []json.RawMessage{}, Error: err.Error()}
		}
		if raw := bytes.TrimSpace(object.Raw); len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
			found.Documents = append(found.Documents, raw)
		}
	}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	out := bufio.NewWriter(os.Stdout)
	answers := json.NewEncoder(out)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			log.Fatal(err)
		}
		if err := answers.Encode(read(text)); err != nil {
			log.Fatal(err)
		}
	}
	if err := errors.Join(lines.Err(), out.Flush()); err != nil {
		log.Fatal(err)
	}
}
