// Asks Go what it makes of request targets, and writes the answers down: paths.txt, queries.txt, values.txt.
//
// The server is net/http with the paths of NATS's monitoring port on one ServeMux, as NATS has them. Every target is
// sent as it stands over a socket of its own, so no client library tidies it up. README.md describes the files.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// endpoints are the paths that nats-server registers (server/server.go, startMonitoring).
var endpoints = []string{
	"/", "/varz", "/connz", "/routez", "/gatewayz", "/leafz", "/subsz", "/subscriptionsz", "/stacksz", "/accountz",
	"/accstatz", "/jsz", "/healthz", "/ipqueuesz", "/raftz", "/debug/vars",
}

// answer is what came back for one raw target.
type answer struct {
	// path is a handler (`/varz`), `>` and the path of a redirect, or a status.
	path string
	// query is what the handler read out of the query; of a redirect, the raw query that it keeps.
	query string
}

func serve() net.Listener {
	mux := http.NewServeMux()
	for _, endpoint := range endpoints {
		endpoint := endpoint
		mux.HandleFunc(endpoint, func(w http.ResponseWriter, r *http.Request) {
			// "/" stands for everything else on a ServeMux; NATS answers 404 there, too.
			if endpoint == "/" && r.URL.Path != "/" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("X-Handler", endpoint)
			io.WriteString(w, r.URL.Query().Encode())
		})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	// It would write a line for every `;`.
	server := &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(listener)
	return listener
}

func ask(address, target string) answer {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: mon.test\r\nConnection: close\r\n\r\n", target)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		log.Fatalf("%q: %v", target, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatalf("%q: %v", target, err)
	}
	switch response.StatusCode {
	case 200:
		return answer{response.Header.Get("X-Handler"), string(body)}
	case 301, 307, 308:
		path, query, _ := strings.Cut(response.Header.Get("Location"), "?")
		return answer{">" + path, query}
	default:
		return answer{strconv.Itoa(response.StatusCode), ""}
	}
}

// escape writes a spelling with visible ASCII only.
func escape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; c > ' ' && c < 0x7f && c != '\\' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, `\x%02x`, c)
		}
	}
	return out.String()
}

// spellings are distinct, none with a byte that would end the request line, in the order in which they were made.
type spellings struct {
	seen map[string]bool
	all  []string
}

func (s *spellings) add(texts ...string) {
	for _, text := range texts {
		if !strings.ContainsAny(text, "\r\n") && !s.seen[text] {
			s.seen[text] = true
			s.all = append(s.all, text)
		}
	}
}

func gather() *spellings { return &spellings{seen: map[string]bool{}} }

func hexadecimal(c byte, format string) string { return fmt.Sprintf(format, c) }

func flip(c byte) string {
	if 'a' <= c && c <= 'z' {
		return string(c - 32)
	}
	if 'A' <= c && c <= 'Z' {
		return string(c + 32)
	}
	return string(c)
}

// each calls make for every byte of text, with what stands before and behind it.
func each(text string, make func(before string, c byte, behind string)) {
	for i := 0; i < len(text); i++ {
		make(text[:i], text[i], text[i+1:])
	}
}

var before = []string{
	"/", "//", "///", "/.", "/..", "/./.", "/x/..", "/varz/..", "/%2e", "/%2E%2e", "/.%2e", "/..%2f", "/%2f", "/%5c",
	"/\\", "\\", "/;", "/;x=1", "/;/..", "/x;/..", "http://evil", "HTTP://evil", "https://evil:443", "ftp://evil",
	"http://u:p@evil", "http://evil/", "http://evil/.", "http://[::1]", "http:", "http:/", "http://", "http:///",
	"evil", "x:", ":", "*", "?", "#", ".", "..", "%", "%2f", "%20", "%00", "/%00", "\x00", "\t", " ", "/ ", "\x7f",
	"\u00a0", "\ufeff", "/~", "/+", "/@", "/nats", "//evil", "//evil/..", "//u:p@evil", "/C:",
}

var behind = []string{
	"/", "//", "///", "/.", "/./", "/..", "/../", "/x", "/x/..", "/%2e%2e", "/..%2f", "%2f", "%2F", "%2f..", "%5c",
	"\\", "\\..", ";", ";a=1", ";/", ";/..", "%3b", "#", "#x", "#/varz", "%23", "%3f", "%3Fauth=1", "%26", "%00",
	"%00.json", "%20", " ", "%09", "\t", "%0a", "%0d%0aX:1", "\x00", "\x7f", ".", "..", ".json", "~", "+", "!", "$",
	"&", "&auth=1", "'", "(", "*", ",", ":", "=", "=1", "@", "[", "]", "^", "_", "`", "{", "|", "}", "\"", "<", ">", "%",
	"%2", "%zz", "%u002f", "%25", "%2500", "%252f", "\u00e9", "%c3%a9", "%C3%A9", "\xff", "%ff", "%c0%af",
	"%e0%80%af", "%ef%bc%8f", "\uff0f", "\u2044", "\u212a", "\u200b", "%e2%80%8b", "z", "0", "s", "?",
}

var inside = []string{"/", "//", "/./", "/../", ".", "%", "%00", "%2f", ";", "\\", "#", " ", "-", "\u00ad", "+", "%%"}

func paths() []string {
	found := gather()
	found.add("", "*", "/*", "?", "#", "%", ".", "..", "/.", "/..", "//", "///", "/debug", "/debug/", "/metrics", "/expvarz",
		"/debug/pprof/", "/favicon.ico", "http:", "http://", "http://evil", "http://evil/", "https://", "mailto:a@b", "x",
		"evil:443", "[::1]:443", "//evil", "//evil/", "/-/healthy", "/nats/varz", strings.Repeat("/", 300),
		"/"+strings.Repeat("a", 8191), "/varz"+strings.Repeat("/..", 400), strings.Repeat("/.", 400)+"/varz")
	for _, path := range endpoints {
		found.add(path, path[1:], strings.ToUpper(path), strings.Title(path[1:]), path+path)
		for _, text := range before {
			found.add(text + path)
		}
		for _, text := range behind {
			found.add(path + text)
		}
		whole, lower := "", ""
		each(path, func(a string, c byte, b string) {
			found.add(a+hexadecimal(c, "%%%02X")+b, a+hexadecimal(c, "%%%02x")+b)
			found.add(a+hexadecimal(c, "%%25%02x")+b, a+hexadecimal(c, "%%u%04x")+b, a+hexadecimal(c, "%%%%%02x")+b)
			found.add(a+flip(c)+b, a+b, a+string(c)+string(c)+b)
			whole, lower = whole+hexadecimal(c, "%%%02X"), lower+hexadecimal(c, "%%%02x")
		})
		found.add(whole, lower, "/"+whole, "/"+lower)
		for _, text := range inside {
			middle := 1 + len(path)/2
			found.add(path[:middle]+text+path[middle:], path[:1]+text+path[1:])
		}
		for _, other := range endpoints {
			found.add(path+"/.."+other, path+"/..;"+other, path+"%2f.."+other, path+"/..%2f"+other[1:], path+"#"+other)
		}
	}
	random := rand.New(rand.NewSource(1))
	pick := func(from []string) string { return from[random.Intn(len(from))] }
	for i := 0; i < 700; i++ {
		found.add(pick(before)+pick(endpoints)+pick(behind), pick(endpoints)+pick(behind)+pick(behind))
	}
	return found.all
}

var flags = []string{
	"auth", "subs", "accs", "unused", "accounts", "streams", "consumers", "direct-consumers", "config", "leader-only",
	"stream-leader-only", "raft", "js-enabled", "js-enabled-only", "js-server-only", "js-meta-only", "details", "all",
}
var numbers = []string{"offset", "limit", "cid"}
var words = []string{"state", "sort"}
var texts = []string{
	"user", "acc", "mqtt_client", "acc_name", "gw_name", "test", "account", "stream", "consumer", "queues", "group",
}

var flagValues = []string{
	"", "1", "0", "t", "T", "f", "F", "true", "TRUE", "True", "tRUE", "false", "FALSE", "False", "detail", "DETAIL",
	"DeTaIl", "yes", "on", "2", "-1", "01", "1.0", " 1", "1 ", "null", "\u0661", "truE", "\x001", "details",
}
var numberValues = []string{
	"", "0", "1", "2", "00", "01", "007", "+1", "-0", "-1", "10", "256", "1024", "65535", "65536", "65537", "9999999",
	"10000000", "10000001", "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807",
	"9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
	"18446744073709551616", "99999999999999999999", "170141183460469231731687303715884105727",
	"170141183460469231731687303715884105728", "340282366920938463463374607431768211456", "1e3", "1E3", "1.0", ".5",
	"0x10", "0X10", "0b1", "0o7", "1_000", "1,000", " 1", "1 ", "\t1", "1\x00", "\u0661", "\uff11", "--1", "++1", "-",
	"+", "NaN", "Inf", "true", strings.Repeat("9", 300), strings.Repeat("0", 300) + "1",
}
var wordValues = []string{
	"", "open", "closed", "all", "any", "OPEN", "Closed", "ANY", "aLL", "o", "0", "1", "2", "opened", "open ", " open",
	"open,closed", "cid", "CID", "start", "subs", "pending", "msgs_to", "MSGS_TO", "msgs-to", "msgs_from", "bytes_to",
	"bytes_from", "last", "idle", "uptime", "stop", "reason", "rtt", "RTT", "\u212a", "\u017ftop", "rea\u017fon",
	"STOP", "\u0130dle", "IDLE", "open\x00",
}
var textValues = []string{
	"", "A", "a", "$SYS", "$G", "ACME", "acme", "a b", " a", "a ", "foo.bar", "foo.>", "*", ">", "a&b", "a=b", "a;b",
	"a%b", "a+b", "a#b", "a?b", "a/b", "a\\b", "a\"b", "<script>", "..", "../varz", "\u00e9", "\u212a", "\U0001f600",
	"\x00", "\x1b[0m", "\x7f", "a\tb", "\xff", "\xc0\xaf", strings.Repeat("x", 255), strings.Repeat("x", 256),
	strings.Repeat("x", 257), strings.Repeat("\u00e9", 128), "1", "true", "[]", "{}", "a,b", "~", "-_.~", "!'()*",
	"S3CR3T", "nats://u:p@h", "null", "%41", "%2541", "+", "++",
}

// encodings are ways to write one value into a query; those that do not decode to it are wanted as well.
func encodings(value string) []string {
	all, lower, first := "", "", ""
	for i := 0; i < len(value); i++ {
		all, lower = all+hexadecimal(value[i], "%%%02X"), lower+hexadecimal(value[i], "%%%02x")
	}
	if value != "" {
		first = hexadecimal(value[0], "%%%02x") + value[1:]
	}
	return []string{value, url.QueryEscape(value), url.PathEscape(value), all, lower, first}
}

// around are whole queries; N is a name, V a value, W another value of the same argument.
var around = []string{
	"N", "N=", "=V", "N==V", "N=V=W", "N=V&", "&N=V", "&&N=V", "N=V&&", "N=V&N=W", "N=W&N=V", "N=V&N=V", "N=&N=V",
	"N&N=V", "N=V&N", "N=V;N=W", "N=V;", ";N=V", "x;y&N=V", "N=W;&N=V", "N=V&x;y", "N%3dV", "N%3DV", "N=%zz&N=V", "N=V%",
	"N=V%2", "N=V%zz", "N=V%00", "%zz&N=V", "%&N=V", "N%=V", "N[]=V", "N[0]=V", "N.=V", "+N=V", "N+=V", "%20N=V", "N%20=V",
	"N%00=V", "N =V", " N=V", "N= V", "N=+V", "N=V+", "N=%20V", "N=V%0a", "N=\tV", "?N=V", "??N=V", "N=V?N=W", "N=V#N=W",
	"#N=V", "N=V%26N=W", "N=V%3bN=W", "N:V", "N=\"V\"", "N='V'", "N=[V]", "/N=V", "N=V/../", "N=V\\", "\\N=V", "N=V%5c",
	"amp;N=V", "N=V&amp;N=W", "N=V,W", "x=1&N=V", "N=V&x=1", "callback=a&N=V", "N=V&callback=a", "_=1&N=V", "=&N=V",
	"N=V&=", "N=V&=x", "\ufeffN=V", "N\u200b=V", "N=V\u00e9", "N=V\xff", "access_token=x&N=V",
}

func queries() []string {
	found := gather()
	found.add("", "=", "&", "&&", "=&=", "?", "#", ";", "%", "+", "==", "x", "callback", "callback=", "callback=alert(1)//",
		"%63allback=a", "CALLBACK=a", "jsonp=a", "auth=1"+strings.Repeat("&", 100), strings.Repeat("a=1&", 100)+"auth=1",
		"limit="+strings.Repeat("1", 4000), "acc="+strings.Repeat("%41", 2000))
	all := func(names, values []string, least int) {
		for i, name := range names {
			for j, value := range values {
				for k, encoded := range encodings(value) {
					// Every value for the first names, the plain ones for all.
					if i < least || k < 2 && j < 10 {
						found.add(name + "=" + encoded)
					}
				}
			}
			each(name, func(a string, c byte, b string) {
				value := values[1+len(a)%4]
				found.add(a+hexadecimal(c, "%%%02x")+b+"="+value, a+hexadecimal(c, "%%%02X")+b+"="+value)
				if i < 2 {
					found.add(a+flip(c)+b+"="+value, a+hexadecimal(c, "%%25%02x")+b+"="+value, a+b+"="+value)
				}
			})
			found.add(strings.ToUpper(name)+"="+values[1], name+"="+values[1]+"&"+strings.ToUpper(name)+"="+values[2])
		}
		for _, name := range names[:min(2, len(names))] {
			for _, form := range around {
				found.add(strings.NewReplacer("N", name, "V", values[1], "W", values[2]).Replace(form))
			}
		}
	}
	all(flags, flagValues, 2)
	all(numbers, numberValues, 3)
	all(words, wordValues, 2)
	all(texts, textValues, 2)
	random := rand.New(rand.NewSource(2))
	pick := func(from []string) string { return from[random.Intn(len(from))] }
	pair := func() string {
		names := [][]string{flags, numbers, words, texts}
		values := [][]string{flagValues, numberValues, wordValues, textValues}
		kind := random.Intn(4)
		return pick(names[kind]) + "=" + encodings(pick(values[kind]))[random.Intn(6)]
	}
	for i := 0; i < 250; i++ {
		found.add(pair()+"&"+pair(), pair()+"&"+pair()+"&"+pair())
	}
	// What is asked most, in every order of two and three.
	common := []string{"auth=1", "auth=0", "subs=detail", "limit=100", "offset=5", "state=any", "sort=rtt", "acc=ACME", "cid=7"}
	for _, a := range common {
		for _, b := range common {
			found.add(a+"&"+b, a+"&"+b+"&"+pick(common))
		}
	}
	return found.all
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// reading is what Go's strconv makes of one decoded value, as NATS asks them.
func reading(value string) string {
	boolean, number, unsigned := "-", "-", "-"
	if read, err := strconv.ParseBool(value); err == nil {
		boolean = strconv.FormatBool(read)
	}
	if read, err := strconv.Atoi(value); err == nil {
		number = strconv.Itoa(read)
	}
	if read, err := strconv.ParseUint(value, 10, 64); err == nil {
		unsigned = strconv.FormatUint(read, 10)
	}
	return strings.Join([]string{boolean, number, unsigned}, "\t")
}

func write(name string, lines []string) {
	_, source, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(source), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d lines\n", name, len(lines))
}

// location is a raw query as net/http puts it into the Location of a redirect.
func location(query string) string {
	var out strings.Builder
	for i := 0; i < len(query); i++ {
		if query[i] < 0x80 {
			out.WriteByte(query[i])
		} else {
			fmt.Fprintf(&out, "%%%02x", query[i])
		}
	}
	return out.String()
}

// independent checks that Go looks at path and query apart: the tables can be crossed.
func independent(address string, ofPath, ofQuery map[string]answer, paths, queries []string) {
	random := rand.New(rand.NewSource(3))
	for i := 0; i < 6000; i++ {
		path, query := paths[random.Intn(len(paths))], queries[random.Intn(len(queries))]
		want := answer{ofPath[path].path, ofQuery[query].query}
		switch {
		case want.path == "400" || ofQuery[query].path == "400":
			want = answer{"400", ""}
		case want.path == "404":
			want.query = ""
		case want.path[0] == '>':
			want.query = location(query)
		}
		if strings.Contains(path, "?") {
			continue // Its query begins earlier.
		}
		if got := ask(address, path+"?"+query); got != want {
			log.Fatalf("%q?%q: %v, not %v as the tables say", path, query, got, want)
		}
	}
}

func main() {
	address := serve().Addr().String()
	ofPath, ofQuery := map[string]answer{}, map[string]answer{}
	var pathLines, queryLines, valueLines []string
	for _, path := range paths() {
		ofPath[path] = ask(address, path)
		pathLines = append(pathLines, escape(path)+"\t"+ofPath[path].path)
	}
	for _, query := range queries() {
		got := ask(address, "/varz?"+query)
		ofQuery[query] = got
		read := got.query
		if got.path == "400" {
			read = "400"
		}
		queryLines = append(queryLines, escape(query)+"\t"+read)
	}
	values := gather()
	for _, list := range [][]string{flagValues, numberValues, wordValues, textValues} {
		values.add(list...)
	}
	for _, value := range values.all {
		valueLines = append(valueLines, escape(value)+"\t"+reading(value))
	}
	independent(address, ofPath, ofQuery, paths(), queries())
	write("paths.txt", pathLines)
	write("queries.txt", queryLines)
	write("values.txt", valueLines)
}
