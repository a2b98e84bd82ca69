# Turns a file into `const struct bytes NAME`: cmake -DIN= -DOUT= -DNAME= -P embed.cmake
file(READ ${IN} HEX HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," BODY "${HEX}")
string(REGEX REPLACE "((0x..,){20})" "\\1\n" BODY "${BODY}")
file(WRITE ${OUT} "#include \"web/web.h\"\n\nstatic const unsigned char data[] = {\n${BODY}\n};\n"
                  "const struct bytes ${NAME} = {data, sizeof data};\n")
