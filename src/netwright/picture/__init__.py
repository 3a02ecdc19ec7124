"""Pictures of a stack: from its file alone, or as it is on the host; as text, SVG, Graphviz or Mermaid."""

from netwright.picture.draw import FORMATS, draw
from netwright.picture.live import from_status
from netwright.picture.read import from_document
from netwright.picture.values import Picture

__all__ = ["FORMATS", "Picture", "draw", "from_document", "from_status"]
