"""XML label files: elements and text only, without entities."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from xml.parsers import expat

from zoo.errors import InputError
from zoo.files.file_names import shown


def read_xml(path: Path) -> ET.Element:
    """Returns the root element of an XML file.

    Raises:
        InputError: if it cannot be read, is not XML, or has a document type declaration, which
            could declare entity bombs and external entities.
    """
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*declaration: object) -> None:
        raise InputError(f"{shown(path)}: <!DOCTYPE …> is not allowed; remove the declaration.")

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
        return builder.close()
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}.") from error
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise InputError(f"{shown(path)}: not XML ({shown(str(error))}); save it again.") from error
