"""Writes documents into a folder, true ones and bombs: documents.py FOLDER"""

import struct
import sys
import zipfile
import zlib
from pathlib import Path

folder = Path(sys.argv[1])
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'


def archive(name, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(folder / name, "w", method) as file:
        for member, content in members:
            file.writestr(member, content)
    return folder / name


def word(name, body, head="", more=()):
    document = f'<?xml version="1.0" encoding="UTF-8"?>{head}<w:document {W}><w:body>{body}</w:body></w:document>'
    return archive(name, [("[Content_Types].xml", "<Types/>"), ("word/document.xml", document), *more])


def paragraph(text):
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def rels(*targets):
    lines = "".join(f'<Relationship Id="rId{n}" Target="{target}"/>' for n, target in enumerate(targets, 1))
    return f"<Relationships>{lines}</Relationships>"


def sheets(name, strings, rows, sheet="Data &amp; more"):
    return archive(name, [
        ("[Content_Types].xml", "<Types/>"),
        ("xl/workbook.xml", f'<workbook {R}><sheets><sheet name="{sheet}" r:id="rId1"/></sheets></workbook>'),
        ("xl/_rels/workbook.xml.rels", rels("worksheets/sheet1.xml")),
        ("xl/sharedStrings.xml", "<sst>" + "".join(f"<si><t>{text}</t></si>" for text in strings) + "</sst>"),
        ("xl/worksheets/sheet1.xml", f"<worksheet><sheetData>{rows}</sheetData></worksheet>"),
    ])


def pdf(name, objects):
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    (folder / name).write_bytes(out)


def stream(content, entries=b""):
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def pages(name, contents, resources=b"/Font << /F1 3 0 R >>", more=()):
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(len(contents)))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(contents)),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    for index, content in enumerate(contents):
        objects += [b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << %s >> >>"
                    % (5 + 2 * index, resources), content]
    pdf(name, objects + list(more))


def shown(text):
    return b"BT /F1 24 Tf 72 700 Td (%s) Tj ET" % text


# True ones.
word("hello.docx", paragraph("Grüße &amp; more") + "<w:tbl><w:tr><w:tc>" + paragraph("a") + "</w:tc><w:tc>" + paragraph("b")
     + "</w:tc></w:tr></w:tbl>" + paragraph("end"), more=[("word/embeddings/inner.zip", b"PK\5\6" + bytes(18))])
word("long.docx", paragraph("word " * 2000) * 40)
sheets("book.xlsx", ["name", "x &lt; y"], '<row><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
       '<row><c r="B2"><v>4.5</v></c><c t="inlineStr"><is><t>in\nline</t></is></c></row>')
archive("deck.pptx", [
    ("[Content_Types].xml", "<Types/>"),
    ("ppt/presentation.xml", f'<p:p xmlns:p="p" {R}><p:sldId r:id="rId2"/><p:sldId r:id="rId1"/></p:p>'),
    ("ppt/_rels/presentation.xml.rels", rels("slides/slide1.xml", "slides/slide2.xml")),
    ("ppt/slides/slide1.xml", '<a:s xmlns:a="a"><a:p><a:r><a:t>second</a:t></a:r></a:p></a:s>'),
    ("ppt/slides/slide2.xml", '<a:s xmlns:a="a"><a:p><a:r><a:t>first</a:t></a:r></a:p></a:s>'),
])
pages("two.pdf", [stream(shown(b"Hello one")), stream(shown(b"Hello two"))])
pages("scan.pdf", [stream(b""), stream(b"")])
pages("many.pdf", [stream(shown(b"page"))] * 502)

# What is damaged.
(folder / "garbage.pdf").write_bytes(b"%PDF-1.4\n" + bytes(range(256)) * 40)
(folder / "cut.pdf").write_bytes((folder / "two.pdf").read_bytes()[:200])
(folder / "cut.docx").write_bytes((folder / "hello.docx").read_bytes()[:-40])
(folder / "empty.docx").write_bytes(b"")
word("entities.docx", paragraph("&lol;"), '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY lol "&a;&a;&a;&a;&a;&a;">]>')
word("external.docx", paragraph("&x;"), '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
word("deep.docx", "<w:p>" * 100_000 + "</w:p>" * 100_000)
word("above.docx", paragraph("x"), more=[("../../evil", "x")])
word("absolute.docx", paragraph("x"), more=[("/etc/evil", "x")])
link = zipfile.ZipInfo("word/link")
link.external_attr = 0o120777 << 16
word("link.docx", paragraph("x"), more=[(link, "/etc/passwd")])
content = bytearray((folder / "hello.docx").read_bytes())
content[content.index(b"PK\1\2") + 8] |= 1
(folder / "encrypted.docx").write_bytes(content)
content = bytearray((folder / "hello.docx").read_bytes())
content[content.index(b"word/document.xml") + 30] ^= 0xFF
(folder / "flipped.docx").write_bytes(content)

# What would be far more than it is.
word("ratio.docx", paragraph(" " * 60_000_000))
word("entries.docx", paragraph("x"), more=[(f"a/{number}", "") for number in range(1001)])
archive("million.docx", [(str(number), "") for number in range(66_000)])
zeros = zlib.compressobj(9, zlib.DEFLATED, -15)
packed = zeros.compress(bytes(50_000_000)) + zeros.flush()


def overlapping(name, count):
    """Members of other names that all have the same bytes."""
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(bytes(50_000_000)), len(packed), 50_000_000, 1, 0)
    body = local + b"a" + packed
    entries = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(packed), 1000, 4, 0, 0, 0, 0, 0, 0) + b"%04d" % n
        for n in range(count))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entries), len(body), 0)
    (folder / name).write_bytes(body + entries + end)


overlapping("overlap.docx", 300)
pages("objects.pdf", [stream(shown(b"x"))], more=[b"null"] * 100_000)

# What takes long or prints much.
word("much.docx", "".join(paragraph(f"{number:08} {number * 7919:012} {number ** 3}") for number in range(250_000)))
sheets("repeated.xlsx", ["x" * 30_000], '<row><c t="s"><v>0</v></c></row>' * 2000)
packer = zlib.compressobj(1)
piece = b"BT (x) Tj ET " * 100_000
filler = b"".join(packer.compress(piece) for _ in range(400)) + packer.flush()
pages("flate.pdf", [stream(filler, b"/Filter /FlateDecode")])
self = stream(b"/X0 Do /X0 Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X0 6 0 R >> >>")
pages("recursive.pdf", [stream(b"/X0 Do")], b"/XObject << /X0 6 0 R >>", [self])
