// libxml2's header of encodings includes those of ICU where libxml2 was built with it, and they clash with the ICU that
// comes with Foundation. Nothing here uses the one member that depends on it.
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
