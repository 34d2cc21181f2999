package web

import (
	"html/template"
	"strings"
)

// jsonHTML marks names, strings and literals of a JSON text for the eye. A text that is no JSON comes out as it is.
func jsonHTML(text string) template.HTML {
	text = prettyJSON(text)
	var b strings.Builder
	span := func(class, token string) {
		b.WriteString(`<span class="` + class + `">` + template.HTMLEscapeString(token) + `</span>`)
	}
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"':
			end := i + 1
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(text))
			class := "s"
			if strings.HasPrefix(strings.TrimLeft(text[end:], " \t\r\n"), ":") {
				class = "k"
			}
			span(class, text[i:end])
			i = end
		case c >= '0' && c <= '9' || c == '-' || c >= 'a' && c <= 'z':
			end := i + 1
			for end < len(text) && strings.IndexByte("+-.0123456789abcdefghijklmnopqrstuvwxyzE", text[end]) >= 0 {
				end++
			}
			span("l", text[i:end])
			i = end
		default:
			end := i + 1
			for end < len(text) && strings.IndexByte("{}[],: \n", text[end]) >= 0 {
				end++
			}
			b.WriteString(template.HTMLEscapeString(text[i:end]))
			i = end
		}
	}
	return template.HTML(b.String()) // every token is escaped
}
