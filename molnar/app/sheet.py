"""Pictures of two settings in, one labelled picture and one HTML page out."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from molnar.base.images import on_paper

Bytes = NDArray[np.uint8]
MARGIN, LINE, CELL = 8, 22, 256  # pixels: around labels, of a line, of a picture at most
INK, PAPER = (32, 32, 32), (255, 255, 255)

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>
:root {{ color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }}
body {{ margin: 2rem auto; padding: 0 1rem; max-width: max-content; }}
h1 {{ font-size: 1.2rem; font-weight: 600; }}
.frame {{ overflow-x: auto; }}
table {{ border-collapse: collapse; }}
th {{ font-weight: 500; padding: .4rem .6rem; text-align: center; white-space: nowrap; }}
td {{ padding: .2rem; text-align: center; vertical-align: top; }}
img {{ display: block; max-width: min(40vw, 16rem); border-radius: 6px; }}
small {{ opacity: .7; }}
</style></head><body><h1>{title}</h1><div class="frame"><table>
{rows}
</table></div></body></html>
"""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Pictures laid out by two settings.

    Example:
        >>> blank = np.zeros((64, 64, 3), np.uint8)
        >>> Sheet(title="a fox", x="steps", columns=("4", "8"), rows=("",),
        ...       pictures=((blank, blank),), notes=(("", ""),)).columns
        ('4', '8')
    """

    title: str
    x: str  # name of the setting that changes from column to column
    columns: tuple[str, ...]
    rows: tuple[str, ...]  # one empty text where there is one setting alone
    pictures: tuple[tuple[Bytes, ...], ...]  # [row][column], uint8 H W 3 or 4
    notes: tuple[tuple[str, ...], ...]  # [row][column], below each picture
    y: str = ""  # name of the setting that changes from row to row

    def to_image(self) -> Image.Image:
        """Draw the sheet: values above the columns and beside the rows."""
        font = ImageFont.load_default(14)
        cells = [[_fitted(picture) for picture in row] for row in self.pictures]
        widths = [max(row[k].width for row in cells) for k in range(len(self.columns))]
        heights = [max(cell.height for cell in row) for row in cells]
        names = [f"{self.y} {value}".strip() for value in self.rows]
        left = MARGIN + max(int(font.getlength(name)) for name in names)
        left += MARGIN if any(names) else 0
        top = MARGIN + LINE
        size = (left + sum(widths) + MARGIN * len(widths), top + sum(heights) + MARGIN * len(cells))
        sheet = Image.new("RGB", size, PAPER)
        draw = ImageDraw.Draw(sheet)
        x = left
        for k, value in enumerate(self.columns):
            draw.text((x, MARGIN // 2), f"{self.x} {value}", fill=INK, font=font)
            y = top
            for row, height in zip(cells, heights, strict=True):
                sheet.paste(row[k], (x, y))
                y += height + MARGIN
            x += widths[k] + MARGIN
        y = top
        for name, height in zip(names, heights, strict=True):
            draw.text((MARGIN, y + height // 2 - LINE // 2), name, fill=INK, font=font)
            y += height + MARGIN
        return sheet

    def to_html(self) -> str:
        """Write the sheet as one page that needs nothing else."""
        head = "".join(f"<th>{html.escape(f'{self.x} {v}')}</th>" for v in self.columns)
        rows = [f"<tr><th></th>{head}</tr>"]
        for name, pictures, notes in zip(self.rows, self.pictures, self.notes, strict=True):
            cells = "".join(
                f'<td><img alt="{html.escape(note)}" src="{_data(picture)}">'
                f"<small>{html.escape(note)}</small></td>"
                for picture, note in zip(pictures, notes, strict=True)
            )
            label = html.escape(f"{self.y} {name}".strip())
            rows.append(f"<tr><th>{label}</th>{cells}</tr>")
        return PAGE.format(title=html.escape(self.title), rows="\n".join(rows))


def _fitted(picture: Bytes) -> Image.Image:
    image = Image.fromarray(on_paper(picture))
    scale = min(1.0, CELL / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX) if scale < 1 else image


def _data(picture: Bytes) -> str:
    out = BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
